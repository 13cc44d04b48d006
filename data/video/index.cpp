#include "data/video/index.h"

#include <algorithm>
#include <new>

#include "data/video/clock.h"

namespace trecvit::video {
namespace {

void forget_packets(Index& index) {
  for (IndexedPacket& entry : index.packets) entry.packet.reset();
  index.kept = false;
}

// Ranks by presentation time; false when times are missing or doubled.
bool rank_frames(Index& index, const std::vector<std::size_t>& shown, AVRational time_base) {
  std::vector<std::size_t> order = shown;
  const auto pts = [&](std::size_t i) { return index.packets[i].pts; };
  for (const std::size_t i : order) {
    if (pts(i) == AV_NOPTS_VALUE) return false;
  }
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return pts(a) < pts(b); });
  for (std::size_t k = 1; k < order.size(); ++k) {
    if (pts(order[k]) == pts(order[k - 1])) return false;
  }
  index.times.reserve(order.size());
  for (std::size_t k = 0; k < order.size(); ++k) {
    index.packets[order[k]].display_index = static_cast<std::int64_t>(k);
    index.times.push_back(seconds_between(pts(order[0]), pts(order[k]), av_q2d(time_base)));
  }
  return true;
}

// Start points must ascend in presentation order too, and nothing may be shown before the first.
bool find_starts(Index& index, bool headers_between) {
  std::int64_t lowest = -1;
  for (std::size_t i = 0; i < index.packets.size(); ++i) {
    const IndexedPacket& entry = index.packets[i];
    if (entry.display_index < 0) continue;
    if (index.starts.empty() && !(entry.start && entry.display_index == 0)) return false;
    // Parameter sets that arrive between start points would be missed by a jump.
    if (headers_between && !index.starts.empty()) continue;
    if (entry.start && entry.display_index > lowest) {
      index.starts.push_back({i, entry.display_index});
      lowest = entry.display_index;
    }
  }
  return !index.starts.empty();
}

// For each packet, how many decoded earlier are shown later; ranks are a permutation, so a sorted window suffices.
int reorder_depth(const Index& index) {
  int depth = 0;
  std::vector<std::int64_t> later;  // ranks decoded that are above the next one to be shown, ascending
  std::int64_t next = 0;
  for (const IndexedPacket& entry : index.packets) {
    if (entry.display_index < 0) continue;
    later.insert(std::upper_bound(later.begin(), later.end(), entry.display_index), entry.display_index);
    std::size_t ready = 0;
    while (ready < later.size() && later[ready] == next) ++ready, ++next;
    later.erase(later.begin(), later.begin() + static_cast<std::ptrdiff_t>(ready));
    depth = std::max(depth, static_cast<int>(std::min<std::size_t>(later.size(), 16)));
  }
  return depth;
}

// Where a file is cut off, frames that were to be shown between the last ones may be missing, and the last ones would
// get their numbers. Returns how many frames at the end may be counted wrongly.
std::size_t uncertain_frames(const Index& index, Container& container) {
  const std::vector<double>& times = index.times;
  const auto reorder = std::min(
      static_cast<std::size_t>(std::max(index.reorder, container.stream().codecpar->video_delay)), times.size());
  if (reorder == 0) return 0;
  if (!container.damage().empty()) return reorder;
  // Matroska and AVI end silently. A sign is a duration that is not reached together with a gap among the last frames.
  std::vector<double> gaps;
  for (std::size_t k = 1; k < times.size(); ++k) gaps.push_back(times[k] - times[k - 1]);
  if (gaps.empty()) return 0;
  std::vector<double> sorted = gaps;
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2), sorted.end());
  const double usual = sorted[sorted.size() / 2];
  if (container.info().duration_s < times.back() + 4 * usual) return 0;
  for (std::size_t k = reorder; k > 0; --k) {
    if (k <= gaps.size() && gaps[gaps.size() - k] > 1.5 * usual) return k;
  }
  return 0;
}

void forget_last_frames(Index& index, std::size_t count) {
  index.times.resize(index.times.size() - count);
  const auto frames = static_cast<std::int64_t>(index.times.size());
  for (IndexedPacket& entry : index.packets) {
    if (entry.display_index >= frames) entry.display_index = -1;
  }
  while (!index.starts.empty() && index.starts.back().display_index >= frames) index.starts.pop_back();
}

}  // namespace

Index scan(Container& container, std::int64_t memory_bytes) {
  container.rewind();
  Index index;
  PacketReader reader(*container.stream().codecpar);
  std::vector<std::size_t> shown;
  bool countable = reader.reliable(), headers_between = false;
  std::int64_t bytes = 0;
  Handle<AVPacket> packet = new_packet();
  while (container.read(packet.get())) {
    const PacketTraits traits = reader.read(*packet);
    IndexedPacket entry{.pts = packet->pts,
                        .dts = packet->dts,
                        .size = packet->size,
                        .start = traits.start,
                        .droppable = traits.droppable};
    countable &= traits.shown == 0 || traits.shown == 1;
    headers_between |= traits.headers && !traits.start;
    // An edit list drops what the decoder needs but nobody shall see.
    if (traits.shown == 1 && !(packet->flags & AV_PKT_FLAG_DISCARD)) shown.push_back(index.packets.size());
    bytes += packet->size;
    if (index.kept && bytes > memory_bytes) forget_packets(index);
    if (index.kept) {
      if (av_packet_make_refcounted(packet.get()) < 0) throw std::bad_alloc();
      entry.packet = std::move(packet);
      packet = new_packet();
    } else {
      av_packet_unref(packet.get());
    }
    index.packets.push_back(std::move(entry));
  }
  countable &= reader.complete();
  index.by_time =
      countable && rank_frames(index, shown, container.stream().time_base) && find_starts(index, headers_between);
  if (!index.by_time) {
    index.times.clear();
    index.starts.clear();
    for (IndexedPacket& entry : index.packets) entry.display_index = -1;
    return index;
  }
  index.reorder = reorder_depth(index);
  forget_last_frames(index, uncertain_frames(index, container));
  for (IndexedPacket& entry : index.packets) {
    if (!entry.packet) continue;
    // The decoder hands pts on to the picture: it comes out labelled with its number.
    entry.packet->pts = entry.display_index >= 0 ? entry.display_index : AV_NOPTS_VALUE;
    entry.packet->dts = AV_NOPTS_VALUE;
  }
  return index;
}

}  // namespace trecvit::video
