// Frames of a live or stored source, one after the other, for as long as it lasts.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "data/loader/sampling.h"
#include "data/video/frame.h"

namespace trecvit::video {

struct FeedOptions {
  std::string source;      // file, URL, or "-": standard input
  std::string raw;         // "64x48@12:rgb24" when "-" carries bare pixels (rgb24 or yuv420p); empty: an encoded video
  Pace pace;               // which frames count
  bool latest = false;     // decode ahead and drop what the reader is too slow for; otherwise wait for it
  std::int64_t queue = 2;  // frames that wait at most, with `latest`
  double deadline_s = 30;  // longest wait for a frame
  std::function<bool()> stop;  // asked while waiting: true ends the wait with an Error
};

class Feed {
 public:
  virtual ~Feed() = default;
  // Valid until the next call; nullptr at the end. Error: the source fails.
  virtual const Frame* next() = 0;
  virtual std::int64_t dropped() const { return 0; }
};

// UsageError: a `raw` of another form, or with a source other than "-".
std::unique_ptr<Feed> open_feed(const FeedOptions& options);

}  // namespace trecvit::video
