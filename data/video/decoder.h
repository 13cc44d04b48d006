// Exact frames from a video file: chosen by presentation time, never by what a seek happens to hit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/video/frame.h"

namespace trecvit::video {

// What `inspect video --json` prints; agrees with ffprobe.
struct VideoInfo {
  std::string codec;        // FFmpeg's decoder-independent name: "vp9", "h264", ...
  int width = 0;            // pixels as coded and displayed by ffprobe (before rotation)
  int height = 0;
  int rotation = 0;         // degrees clockwise
  std::int64_t frames = 0;  // counted, not guessed from duration
  double fps = 0;           // average frame rate
  double duration_s = 0;    // as the container tells, else from the frames
  std::string pix_fmt;      // "yuv420p", ...
};

struct DecoderOptions {
  double deadline_s = 30;  // longest time one call may spend on this file; past it Error
};

// One file, one decoding thread. Not thread-safe; movable.
class Decoder {
 public:
  // Error: missing, empty, not a video, no video stream, unknown codec. `source` may be a path or a URL of libavformat.
  explicit Decoder(const std::string& source, const DecoderOptions& options = {});
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  // Everything but `frames` is known without a scan.
  const VideoInfo& info() const;

  // Presentation times (seconds from the first frame) of every frame, from one scan of the packets.
  const std::vector<double>& times();

  // The next frame in presentation order, or nullptr at the end of the file (a normal result).
  // Error: the data is damaged so that no further frame can be had. The frame is valid until the next call.
  const Frame* next();

  // Back to the first frame.
  void rewind();

  // Calls sink(k, frame) for every requested frame number, in ascending order of number; numbers may repeat and need not be
  // sorted; k is the place in `numbers`. Error: a number outside the file, or damaged data before it is reached.
  void decode(std::span<const std::int64_t> numbers,
              const std::function<void(std::size_t k, const Frame& frame)>& sink);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Opens, scans and counts: VideoInfo with `frames` filled.
VideoInfo inspect(const std::filesystem::path& path, const DecoderOptions& options = {});

}  // namespace trecvit::video
