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

// The fields of `inspect video --json`; they agree with ffprobe's.
struct VideoInfo {
  std::string codec;  // FFmpeg's decoder-independent name: "vp9", "h264", ...
  int width = 0;      // pixels as coded and displayed by ffprobe (before rotation)
  int height = 0;
  int rotation = 0;         // degrees clockwise, to be done for display
  bool mirrored = false;    // left-right, after the rotation
  std::int64_t frames = 0;  // counted, not guessed from duration
  double fps = 0;           // average frame rate
  double duration_s = 0;    // as the container tells, else from the frames
  std::string pix_fmt;      // "yuv420p", ...
};

// Counters of a Decoder, for tests and benchmarks.
struct DecodeCounts {
  std::int64_t packets = 0;  // decoded
  std::int64_t dropped = 0;  // passed over because no wanted frame depends on them
  std::int64_t frames = 0;   // that came out of the decoder
  std::int64_t jumps = 0;    // times decoding began anew at another place
};

struct DecoderOptions {
  double deadline_s = 30;     // longest time one call may spend on this file; past it Error
  bool one_deadline = false;  // it is the time for all calls together, from the constructor on
  std::int64_t memory_bytes =
      48 << 20;                // packets of files up to this size stay in memory; of larger ones they are read again
  std::string index_cache;     // folder where the scans of those larger files are kept; empty: nowhere
  bool live = false;           // also what is no regular file: pipes, devices, and "-", standard input
  std::function<bool()> stop;  // asked while a call waits or decodes: true ends it with an Error
};

// XDG_CACHE_HOME/trecvit/index, else HOME/.cache/trecvit/index; empty when neither variable is set.
std::string default_index_cache();

// One file, one decoding thread. Not thread-safe; movable.
class Decoder {
 public:
  // Error: missing, empty, a folder or (unless `live`) no regular file, not a video, no video stream, unknown codec.
  // `source`: a path or a URL of libavformat.
  explicit Decoder(const std::string& source, const DecoderOptions& options = {});
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  // Everything but `frames` is known without a scan; `frames` is 0 before times() or decode() was called.
  const VideoInfo& info() const;

  // Presentation times (seconds from the first frame) of every frame, from one scan of the packets; ascending. Frames
  // that an edit list or the codec hides do not count. A file whose packets do not tell is decoded once instead. Of a
  // file cut off in the middle: the frames before the cut.
  const std::vector<double>& times();

  // The next frame in presentation order, or nullptr at the end of the file (a normal result). Damaged pictures that
  // the codec conceals are handed out. Error: the data is damaged so that no further frame can be had. The frame is
  // valid until the next call. Reads live sources without a scan. decode() in between does not move this cursor.
  const Frame* next();

  // next() starts again at the first frame.
  void rewind();

  // Calls sink(k, frame) for every requested frame number, in ascending order of number; numbers may repeat and need
  // not be sorted; k is the place in `numbers`. Frames are bit-exact, as if the whole file had been decoded. Error: a
  // number outside the file, or damaged data before it is reached (strict: concealed damage counts).
  void decode(std::span<const std::int64_t> numbers,
              const std::function<void(std::size_t k, const Frame& frame)>& sink);

  const DecodeCounts& counts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Opens, scans and counts: VideoInfo with `frames` filled.
VideoInfo inspect(const std::filesystem::path& path, const DecoderOptions& options = {});

}  // namespace trecvit::video
