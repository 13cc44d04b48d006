// Small videos of the usual codecs and containers, as material.
#pragma once

#include <vector>

#include "video_support.h"

namespace trecvit::video_test {

inline std::vector<ClipSpec> common_clips() {
  return {
      {.frames = 24, .b_frames = 2},
      {.frames = 24,
       .b_frames = 3,
       .options = {{"x264-params", "open-gop=1:keyint=8"}},
       .muxer = {{"movflags", "faststart"}}},
      {.file = "a.mkv", .frames = 24, .b_frames = 2},
      {.file = "a.webm",
       .encoder = "libvpx-vp9",
       .frames = 24,
       .options = {{"deadline", "realtime"}, {"cpu-used", "8"}}},
      {.file = "a.webm", .encoder = "libvpx", .frames = 24, .options = {{"deadline", "realtime"}, {"cpu-used", "8"}}},
      {.file = "a.avi", .encoder = "mpeg4", .frames = 24, .b_frames = 1},
      {.file = "a.avi", .encoder = "mjpeg", .pix_fmt = "yuvj420p", .frames = 12},
      {.file = "a.mp4", .encoder = "libx265", .frames = 16, .options = {{"x265-params", "log-level=none:pools=none"}}},
      {.file = "a.mp4", .encoder = "libaom-av1", .frames = 12, .options = {{"usage", "realtime"}, {"cpu-used", "8"}}},
      {.file = "a.ts", .frames = 24, .b_frames = 2},
  };
}

}  // namespace trecvit::video_test
