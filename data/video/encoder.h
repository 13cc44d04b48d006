// Video files and pictures out, through libavcodec.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace trecvit::video {

struct EncoderOptions {
  std::string codec = "vp9";  // vp9 vp8 h264 mpeg4 mjpeg ffv1; the container follows the file's suffix
  int width = 0;              // pixels, even for the 4:2:0 codecs
  int height = 0;
  double fps = 12;
  int quality = 30;  // constant quality: 0 best .. 63 worst for vp8/vp9, 0 .. 51 for h264, quantiser 1..31 else
  int keyframe_interval = 128;
};

// Writes beside the file and renames at finish(); without finish() nothing is left.
class Encoder {
 public:
  Encoder(const std::filesystem::path& path, const EncoderOptions& options);
  ~Encoder();
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  void add(std::span<const std::uint8_t> rgb);  // [height, width, 3]
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A .png or .jpg, by suffix. rgb: [height, width, 3].
void write_picture(const std::filesystem::path& path, std::span<const std::uint8_t> rgb, int width, int height);

}  // namespace trecvit::video
