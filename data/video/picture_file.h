// Pictures out: PNG and JPEG, through libavcodec.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace trecvit::video {

enum class PictureType { kPng, kJpeg };

// The bytes of a file. rgb: [height, width, 3]. Error: FFmpeg lacks the encoder.
std::string encode_picture(PictureType type, std::span<const std::uint8_t> rgb, int width, int height);

// A .png or .jpg, by suffix.
void write_picture(const std::filesystem::path& path, std::span<const std::uint8_t> rgb, int width, int height);

}  // namespace trecvit::video
