#include "tools/stream_feed.h"

#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>
#include <vector>

extern "C" {
#include <libavutil/frame.h>
}

#include "core/error.h"
#include "data/video/decoder.h"
#include "data/video/raw_frame.h"

namespace trecvit::tools {
namespace {

class DecoderFeed : public Feed {
 public:
  explicit DecoderFeed(const FeedOptions& o)
      : decoder_(o.source == "-" ? "/dev/stdin" : o.source, {.deadline_s = o.deadline_s}), pace_(o.pace) {}

  const video::Frame* next() override {
    for (;;) {
      const video::Frame* frame = decoder_.next();
      if (!frame || pace_.takes(frame->pts_s)) return frame;
    }
  }

 private:
  video::Decoder decoder_;
  Pace pace_;
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
      layout.width > 16384 || layout.height > 16384 || !(layout.fps > 0))
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
        pace_(o.pace) {}

  const video::Frame* next() override {
    while (read_picture()) {
      const std::int64_t number = seen_++;
      const double pts_s = static_cast<double>(number) / layout_.fps;
      if (!pace_.takes(pts_s)) continue;
      picture_.reset(bytes_, number, pts_s);
      return &picture_.frame();
    }
    return nullptr;
  }

 private:
  bool read_picture() {
    std::size_t done = 0;
    while (done < bytes_.size()) {
      const ssize_t count = ::read(STDIN_FILENO, bytes_.data() + done, bytes_.size() - done);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw Error("standard input cannot be read: ", std::strerror(errno));
      if (count == 0 && done == 0) return false;
      if (count == 0)
        throw Error("standard input ended inside picture ", seen_, ": ", done, " of ", bytes_.size(),
                    " bytes; --raw must have the size and format of what is sent");
      done += static_cast<std::size_t>(count);
    }
    return true;
  }

  RawLayout layout_;
  std::vector<std::uint8_t> bytes_;
  video::RawFrame picture_;
  Pace pace_;
  std::int64_t seen_ = 0;
};

// A thread reads ahead; when the queue is full its oldest frame goes.
class LatestFeed : public Feed {
 public:
  LatestFeed(std::unique_ptr<Feed> inner, std::int64_t queue)
      : inner_(std::move(inner)), limit_(static_cast<std::size_t>(queue)), reader_([this] { read(); }) {}

  ~LatestFeed() override {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    reader_.join();
  }

  const video::Frame* next() override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !waiting_.empty() || ended_; });
    if (waiting_.empty()) {
      if (failure_) std::rethrow_exception(failure_);
      return nullptr;
    }
    current_ = std::move(waiting_.front());
    waiting_.pop_front();
    return &current_->frame;
  }

  std::int64_t dropped() const override {
    const std::lock_guard lock(mutex_);
    return dropped_;
  }

 private:
  struct Kept {
    std::shared_ptr<AVFrame> picture;
    video::Frame frame;
  };

  static Kept keep(const video::Frame& frame) {
    Kept kept{.picture = {av_frame_clone(frame.picture), [](AVFrame* f) { av_frame_free(&f); }}, .frame = frame};
    if (!kept.picture) throw std::bad_alloc();
    kept.frame.picture = kept.picture.get();
    return kept;
  }

  void read() {
    std::exception_ptr failure;
    try {
      while (const video::Frame* frame = inner_->next()) {
        Kept kept = keep(*frame);
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
  std::deque<Kept> waiting_;
  std::optional<Kept> current_;
  std::exception_ptr failure_;
  std::int64_t dropped_ = 0;
  bool ended_ = false, stop_ = false;
  std::thread reader_;  // last: it uses all of the above
};

}  // namespace

std::unique_ptr<Feed> open_feed(const FeedOptions& options) {
  if (!options.raw.empty() && options.source != "-")
    throw UsageError("--raw describes what standard input carries; SOURCE must then be -, not ", options.source);
  std::unique_ptr<Feed> feed;
  if (options.raw.empty()) {
    feed = std::make_unique<DecoderFeed>(options);
  } else {
    feed = std::make_unique<RawFeed>(options);
  }
  if (options.latest) feed = std::make_unique<LatestFeed>(std::move(feed), options.queue);
  return feed;
}

}  // namespace trecvit::tools
