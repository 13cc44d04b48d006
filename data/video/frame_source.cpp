#include "data/video/frame_source.h"

#include <algorithm>

#include "core/error.h"
#include "data/video/index_cache.h"

namespace trecvit::video {

FrameSource::FrameSource(const std::string& source, const DecoderOptions& options)
    : source_(source),
      options_(options),
      deadline_(started(options)),
      container_(source, deadline_, Probe::kWhenNeeded, options.live) {}

Deadline FrameSource::started(const DecoderOptions& options) {
  Deadline deadline(options.stop);
  deadline.start(options.deadline_s);
  return deadline;
}

Clock FrameSource::new_clock() const {
  const VideoInfo told = container_.info();
  return Clock(container_.stream().time_base, 1 / (told.fps > 0 ? told.fps : 25.0));
}

// --- packets ---

// The packet that the codec needs next, or null at the end.
AVPacket* FrameSource::take() {
  container_.check_deadline();
  if (!index_) {
    av_packet_unref(packet_.get());
    return container_.read(packet_.get()) ? packet_.get() : nullptr;
  }
  while (position_ < index_->packets.size()) {
    const IndexedPacket& entry = index_->packets[position_++];
    const auto display_index = static_cast<std::size_t>(entry.display_index);
    if (wanted_ && entry.droppable && entry.display_index >= 0 && !(*wanted_)[display_index]) {
      ++counts_.dropped;
      passed_over_[display_index] = true;
      last_passed_ = std::max(last_passed_, entry.display_index);
      continue;
    }
    return fetch(position_ - 1);
  }
  return nullptr;
}

// Packet i of the index, from memory or from the file.
AVPacket* FrameSource::fetch(std::size_t i) {
  const IndexedPacket& entry = index_->packets[i];
  if (entry.packet) return entry.packet.get();
  do {
    av_packet_unref(packet_.get());
    if (!container_.read(packet_.get())) throw Error("video ", name(), " changed while it was being read");
  } while (file_position_++ != i);
  if (index_->by_time) {  // as scan() labels those in memory
    packet_->pts = entry.display_index >= 0 ? entry.display_index : AV_NOPTS_VALUE;
    packet_->dts = AV_NOPTS_VALUE;
  }
  return packet_.get();
}

// Moves the container so that fetch(start) works: by its own index if that can be checked, else from the beginning.
void FrameSource::locate(std::size_t start) {
  const auto& packets = index_->packets;
  const std::int64_t dts = packets[start].dts;
  if (start > 0 && dts != AV_NOPTS_VALUE && container_.seek(dts)) {
    av_packet_unref(packet_.get());
    if (container_.read(packet_.get())) {
      const auto end = packets.begin() + static_cast<std::ptrdiff_t>(start) + 1;
      const auto found = std::find_if(packets.begin(), end, [&](const IndexedPacket& entry) {
        return entry.pts == packet_->pts && entry.dts == packet_->dts && entry.size == packet_->size;
      });
      if (found != end && container_.seek(dts)) {
        file_position_ = static_cast<std::size_t>(found - packets.begin());
        return;
      }
    }
  }
  container_.rewind();
  file_position_ = 0;
}

// --- pictures ---

void FrameSource::open_codec() {
  if (codec_) return;
  const int reorder = index_ && index_->by_time    ? index_->reorder
                      : container_.order_unknown() ? Codec::kAllThatMayBe
                                                   : Codec::kGuess;
  codec_ = std::make_unique<Codec>(container_.stream(), reorder, name());
}

bool FrameSource::advance() {
  open_codec();
  for (;;) {
    picture_ = codec_->next([this] { return take(); });
    counts_.packets = codec_->packets();
    counts_.frames = codec_->frames();
    if (!picture_) return false;
    if (!index_ || !index_->by_time) {
      ++number_;
      return true;
    }
    if (picture_->pts == AV_NOPTS_VALUE) continue;  // of a packet that shows nothing
    number_ = picture_->pts;
    return true;
  }
}

// The codec forgets everything; the next packet is number `packet`.
void FrameSource::jump(std::size_t packet) {
  if (codec_) codec_->flush();
  ++counts_.jumps;
  picture_ = nullptr;
  number_ = -1;
  began_ = 0;
  passed_over_.assign(index_ ? index_->times.size() : 0, false);
  last_passed_ = -1;
  forgiven_ = false;
  position_ = packet;
  if (!index_) {
    container_.rewind();
  } else if (!index_->kept && packet != file_position_) {
    locate(packet);
  }
}

void FrameSource::begin(const StartPoint& start) {
  jump(start.packet);
  open_codec();
  codec_->excuse_below(start.display_index);
  began_ = start.display_index;
}

// Decodes on until frame `number` is there; false when it does not come, or something before it is damaged.
bool FrameSource::run_to(std::int64_t number) {
  while (advance()) {
    if (number_ >= number) return number_ == number && codec_->faults() == 0;
  }
  return false;
}

void FrameSource::reach(std::int64_t number, const std::vector<bool>* wanted) {
  if (picture_ && number_ == number && !forgiven_) return;
  struct Wanted {
    const std::vector<bool>*& member;
    ~Wanted() { member = nullptr; }
  } during_this_call{wanted_};
  // A call before may have passed over what this one wants.
  const bool behind = number_ >= number || forgiven_ || passed_over_[static_cast<std::size_t>(number)];
  if (index_->by_time) {
    wanted_ = wanted;
    const auto after = std::upper_bound(index_->starts.begin(), index_->starts.end(), number,
                                        [](std::int64_t n, const StartPoint& start) { return n < start.display_index; });
    if (behind || (after - 1)->packet > position_) begin(*(after - 1));
  } else if (behind) {
    jump(0);
  }
  if (run_to(number)) return;
  // FFmpeg's H.264 decoder may keep the file's last frame to itself when it began at an open group. What decoding from
  // the beginning gives, counts.
  if (index_->by_time && began_ > 0) {
    begin(index_->starts.front());
    if (run_to(number)) return;
  }
  jump(0);  // a later request must not find the damaged picture
  throw Error("video ", name(), " is damaged: frame ", number, " of ", times().size(), " cannot be decoded");
}

bool FrameSource::take_faults() {
  const bool any = codec_ && codec_->faults() > 0;
  if (codec_) codec_->forgive();
  forgiven_ |= any;
  return any;
}

void FrameSource::build_index() {
  if (index_ || load_cached_index()) return;
  index_ = scan(container_, options_.memory_bytes);
  file_position_ = index_->packets.size();
  codec_.reset();  // the index knows how many frames are reordered
  jump(0);
  counts_.jumps = 0;
  if (!index_->by_time) {  // the order in which the decoder presents frames is the index
    Clock clock = new_clock();
    while (advance()) index_->times.push_back(clock.next(picture_->best_effort_timestamp));
    jump(0);
  }
  if (!index_->kept && container_.damage().empty()) store_index(options_.index_cache, source_, *index_);
}

bool FrameSource::load_cached_index() {
  if (options_.index_cache.empty() || file_bytes(source_) <= options_.memory_bytes) return false;
  index_ = load_index(options_.index_cache, source_);
  if (!index_) return false;
  container_.rewind();
  file_position_ = 0;
  codec_.reset();
  jump(0);
  counts_.jumps = 0;
  return true;
}

}  // namespace trecvit::video
