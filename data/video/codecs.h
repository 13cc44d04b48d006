// Video codecs that can be written: FFmpeg's encoder for each, its pixel format and settings. Internal to data/video.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/video/libav.h"

namespace trecvit::video {

struct CodecRecipe {
  const char* codec;    // our name
  const char* encoder;  // FFmpeg's
  AVCodecID id;
  AVPixelFormat format;
  int worst_quality;    // largest quality number; 0: lossless
  int default_quality;  // looks good, moderate size
  bool even_sides;      // refuses odd widths and heights
};

// Whether FFmpeg has an encoder of this name. A parameter of the functions below, so that tests can ask about an FFmpeg
// that lacks some.
using HasEncoder = std::function<bool(const char* encoder)>;
bool libav_has_encoder(const char* encoder);

// The recipe of `codec`, or for "auto" the first that both FFmpeg and the container can write: those that browsers play
// come first. UsageError: an unknown codec, a container that cannot hold it. Error: FFmpeg lacks the encoder; the
// sentence names those that it has.
const CodecRecipe& choose_codec(const std::string& codec, const AVOutputFormat& container, const std::string& suffix,
                                const HasEncoder& has = libav_has_encoder);

// Our names of the codecs whose encoder FFmpeg has, best first.
std::vector<std::string> codecs_at_hand(const HasEncoder& has = libav_has_encoder);

// By the suffix of the file's name. UsageError when it names no container that we write.
const AVOutputFormat& container_of(const std::filesystem::path& path);

// Rate control of `context` and options for avcodec_open2(), which the caller frees. The same frames give the same
// bytes.
void set_quality(const CodecRecipe& recipe, int quality, AVCodecContext& context, AVDictionary** options);

}  // namespace trecvit::video
