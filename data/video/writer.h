// Video files out, through libavcodec and libavformat.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace trecvit::video {

struct WriterOptions {
  std::string codec =
      "auto";     // vp9 vp8 h264 mpeg4 mjpeg ffv1; auto: the best that this FFmpeg has for the file's suffix
  int width = 0;  // pixels of the frames that are added
  int height = 0;
  double fps = 12;
  int quality = -1;  // 0 best .. 63 worst for vp8/vp9, .. 51 for h264, .. 31 for mpeg4/mjpeg; -1: the codec's default
  int keyframe_interval = 128;
  bool pad = false;  // H.264 needs even sides: repeat the last row or column of an odd one instead of refusing
};

// One video file. Frame i is shown at i / fps. The file is written beside its name and renamed by finish(); without
// finish() nothing is left of it. The same frames and options give the same bytes.
class VideoWriter {
 public:
  // The container follows the suffix: .webm .mp4 .mkv .avi. UsageError: an impossible size, rate, codec or suffix.
  // Error: FFmpeg lacks the encoder (the sentence names those that it has); the folder cannot be written.
  VideoWriter(const std::filesystem::path& path, const WriterOptions& options);
  ~VideoWriter();
  VideoWriter(const VideoWriter&) = delete;
  VideoWriter& operator=(const VideoWriter&) = delete;

  void add(std::span<const std::uint8_t> rgb);  // [height, width, 3]
  void finish();                                // Error: no frame was added; a full disk

  const std::string& codec() const;  // the one chosen
  std::int64_t frames() const;       // added so far

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Codecs that this FFmpeg can write, best first.
std::vector<std::string> writable_codecs();

}  // namespace trecvit::video
