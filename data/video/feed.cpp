#include "data/video/feed.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>
#include <vector>

#include "core/error.h"
#include "data/loader/paced_frames.h"
#include "data/video/decoder.h"
#include "data/video/held_frame.h"
#include "data/video/live_input.h"
#include "data/video/raw_frame.h"

namespace trecvit::video {
namespace {

class DecoderFeed : public Feed {
 public:
  explicit DecoderFeed(const FeedOptions& o)
      : decoder_(o.source, {.deadline_s = o.deadline_s, .live = true, .stop = o.stop}),
        frames_([this] { return decoder_.next(); }, o.pace) {}

  const Frame* next() override { return frames_.next(); }

 private:
  video::Decoder decoder_;
  PacedFrames frames_;
};

struct RawLayout {
  int width = 0, height = 0;
  double fps = 0;
  video::RawFormat format = video::RawFormat::kRgb24;
};

RawLayout parse_raw(const std::string& spec) {
  RawLayout layout;
  char cross = 0, at = 0, colon = 0;
  std::string format;
  std::istringstream in(spec);
  in >> layout.width >> cross >> layout.height >> at >> layout.fps >> colon >> format;
  const bool known = format == "rgb24" || format == "yuv420p";
  if (in.fail() || cross != 'x' || at != '@' || colon != ':' || !known || layout.width < 1 || layout.height < 1 ||
      layout.width > 16384 || layout.height > 16384 || !(layout.fps >= 1e-3 && layout.fps <= 1e9))
    throw UsageError("--raw ", spec, " must look like 640x480@30:rgb24 or 640x480@30:yuv420p");
  if (format == "yuv420p") layout.format = video::RawFormat::kYuv420p;
  return layout;
}

class RawFeed : public Feed {
 public:
  explicit RawFeed(const FeedOptions& o)
      : layout_(parse_raw(o.raw)),
        bytes_(static_cast<std::size_t>(video::raw_frame_bytes(layout_.format, layout_.width, layout_.height))),
        picture_(bytes_, layout_.format, layout_.width, layout_.height),
        input_(o.source),
        deadline_(o.stop),
        deadline_s_(o.deadline_s),
        frames_([this] { return read_picture(); }, o.pace) {}

  const Frame* next() override { return frames_.next(); }

 private:
  const Frame* read_picture() {
    deadline_.start(deadline_s_);
    for (std::size_t done = 0; done < bytes_.size();) {
      const std::size_t count = input_.read(std::span(bytes_).subspan(done), deadline_);
      if (count == 0 && done == 0) return nullptr;
      if (count == 0)
        throw Error("standard input ended inside picture ", seen_, ": ", done, " of ", bytes_.size(),
                    " bytes; --raw must have the size and format of what is sent");
      done += count;
    }
    picture_.reset(bytes_, seen_, static_cast<double>(seen_) / layout_.fps);
    ++seen_;
    return &picture_.frame();
  }

  RawLayout layout_;
  std::vector<std::uint8_t> bytes_;
  video::RawFrame picture_;
  video::LiveInput input_;
  video::Deadline deadline_;
  double deadline_s_;
  std::int64_t seen_ = 0;
  PacedFrames frames_;
};

std::unique_ptr<Feed> open_source(const FeedOptions& options) {
  if (options.raw.empty()) return std::make_unique<DecoderFeed>(options);
  return std::make_unique<RawFeed>(options);
}

// A thread reads ahead; when the queue is full its oldest frame goes.
class LatestFeed : public Feed {
 public:
  explicit LatestFeed(FeedOptions options) : limit_(static_cast<std::size_t>(options.queue)) {
    // The reader may be waiting for a source that sends nothing.
    options.stop = [this, asked = options.stop] { return stop_ || (asked && asked()); };
    inner_ = open_source(options);
    reader_ = std::thread([this] { read(); });
  }

  ~LatestFeed() override {
    stop_ = true;
    reader_.join();
  }

  const Frame* next() override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !waiting_.empty() || ended_; });
    if (waiting_.empty()) {
      if (failure_) std::rethrow_exception(failure_);
      return nullptr;
    }
    current_ = std::move(waiting_.front());
    waiting_.pop_front();
    return &current_->frame();
  }

  std::int64_t dropped() const override {
    const std::lock_guard lock(mutex_);
    return dropped_;
  }

 private:
  void read() {
    std::exception_ptr failure;
    try {
      while (const Frame* frame = inner_->next()) {
        video::HeldFrame kept(*frame);
        const std::lock_guard lock(mutex_);
        if (stop_) return;
        if (waiting_.size() >= limit_) {
          waiting_.pop_front();
          ++dropped_;
        }
        waiting_.push_back(std::move(kept));
        changed_.notify_one();
      }
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    failure_ = failure;
    ended_ = true;
    changed_.notify_one();
  }

  std::unique_ptr<Feed> inner_;
  std::size_t limit_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<video::HeldFrame> waiting_;
  std::optional<video::HeldFrame> current_;
  std::exception_ptr failure_;
  std::int64_t dropped_ = 0;
  bool ended_ = false;
  std::atomic<bool> stop_ = false;
  std::thread reader_;  // last: it uses all of the above
};

}  // namespace

std::unique_ptr<Feed> open_feed(const FeedOptions& options) {
  if (!options.raw.empty() && options.source != "-")
    throw UsageError("--raw describes what standard input carries; SOURCE must then be -, not ", options.source);
  if (options.latest) return std::make_unique<LatestFeed>(options);
  return open_source(options);
}

}  // namespace trecvit::video
