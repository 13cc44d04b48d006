#include "data/video/decoder.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "core/error.h"
#include "data/video/clock.h"
#include "data/video/codec.h"
#include "data/video/container.h"
#include "data/video/index.h"

namespace trecvit::video {

struct Decoder::Impl {
  std::string source;
  DecoderOptions options;
  Deadline deadline;
  Container container;
  VideoInfo info;
  std::optional<Index> index;
  std::unique_ptr<Codec> codec;
  DecodeCounts counts;
  Frame frame;

  // Where the codec stands.
  const AVFrame* picture = nullptr;  // the last one out
  std::int64_t shown = -1;           // its number
  std::int64_t began = 0;            // number of the frame at whose start point decoding began
  std::size_t position = 0;          // next packet of the index to send
  std::size_t file_position = 0;     // next packet of the index that the container will read, when packets are not kept
  bool live = true;                  // packets come straight from the container, in order, without an index
  const std::vector<bool>* wanted = nullptr;  // frames that must come out; null: all
  std::int64_t passed_over = -1;              // highest number among the frames dropped since the last jump
  Handle<AVPacket> packet = new_packet();

  // Where next() stands.
  std::int64_t cursor = 0;
  bool held = false;           // `picture` was decoded for info() and next() has yet to hand it out
  std::optional<Clock> clock;  // before there is an index

  static Deadline started(double seconds) {
    Deadline deadline;
    deadline.start(seconds);
    return deadline;
  }

  Impl(const std::string& source, const DecoderOptions& options, Probe probe)
      : source(source), options(options), deadline(started(options.deadline_s)), container(source, deadline, probe) {
    info = container.info();
    clock = new_clock();
  }

  // --- packets ---

  AVPacket* read_live() {
    av_packet_unref(packet.get());
    return container.read(packet.get()) ? packet.get() : nullptr;
  }

  // Packet i of the index, from memory or from the file.
  AVPacket* fetch(std::size_t i) {
    IndexedPacket& entry = index->packets[i];
    if (entry.packet) return entry.packet.get();
    for (;;) {
      av_packet_unref(packet.get());
      if (!container.read(packet.get())) throw Error("video ", source, " changed while it was being read");
      if (file_position++ == i) break;
    }
    packet->pts = index->by_time ? (entry.rank >= 0 ? entry.rank : AV_NOPTS_VALUE) : entry.pts;
    if (index->by_time) packet->dts = AV_NOPTS_VALUE;
    return packet.get();
  }

  AVPacket* take() {
    container.check_deadline();
    if (live) return read_live();
    while (position < index->packets.size()) {
      const IndexedPacket& entry = index->packets[position++];
      if (wanted && entry.droppable && entry.rank >= 0 && !(*wanted)[static_cast<std::size_t>(entry.rank)]) {
        ++counts.dropped;
        passed_over = std::max(passed_over, entry.rank);
        continue;
      }
      return fetch(position - 1);
    }
    return nullptr;
  }

  // --- pictures ---

  void open_codec() {
    if (!codec) codec = std::make_unique<Codec>(container.stream(), index ? index->reorder : 0, source);
  }

  // The codec's next picture; sets `shown`. False at the end.
  bool pump() {
    open_codec();
    for (;;) {
      picture = codec->next([this] { return take(); });
      counts.packets = codec->packets();
      counts.frames = codec->frames();
      if (!picture) return false;
      if (live || !index->by_time) {
        ++shown;
        return true;
      }
      if (picture->pts == AV_NOPTS_VALUE) continue;  // of a packet that shows nothing
      shown = picture->pts;
      return true;
    }
  }

  // The codec forgets; the next packet is number `start`.
  void jump(std::size_t start) {
    if (codec) codec->flush();
    ++counts.jumps;
    picture = nullptr;
    held = false;
    passed_over = -1;
    began = 0;
    position = start;
    shown = -1;
    if (live) {
      container.rewind();
    } else if (!index->kept && start != file_position) {
      locate(start);
    }
  }

  // Moves the container so that fetch(start) works, by its own index if that can be checked, else from the beginning.
  void locate(std::size_t start) {
    const auto& packets = index->packets;
    if (packets[start].dts != AV_NOPTS_VALUE && start > 0 && container.seek(packets[start].dts)) {
      av_packet_unref(packet.get());
      if (container.read(packet.get())) {
        const auto same = [&](const IndexedPacket& entry) {
          return entry.pts == packet->pts && entry.dts == packet->dts && entry.size == packet->size;
        };
        const auto found =
            std::find_if(packets.begin(), packets.begin() + static_cast<std::ptrdiff_t>(start) + 1, same);
        const auto at = static_cast<std::size_t>(found - packets.begin());
        if (at <= start && container.seek(packets[start].dts)) {
          file_position = at;
          return;
        }
      }
    }
    container.rewind();
    file_position = 0;
  }

  void build_index() {
    if (index) return;
    index = scan(container, options.memory_bytes);
    file_position = index->packets.size();
    live = false;
    codec.reset();
    jump(0);
    --counts.jumps;
    if (!index->by_time) count_by_decoding();
    info.frames = static_cast<std::int64_t>(index->times.size());
    const double end = index->times.empty() ? 0 : index->times.back();
    if (info.duration_s <= 0 && info.fps > 0) info.duration_s = end + 1 / info.fps;
  }

  // The order in which the decoder presents frames is the index.
  void count_by_decoding() {
    Clock told = new_clock();
    while (pump()) index->times.push_back(told.next(picture->best_effort_timestamp));
    jump(0);
  }

  Clock new_clock() { return Clock(container.stream().time_base, 1 / (info.fps > 0 ? info.fps : 25.0)); }

  // --- requests ---

  void begin(const StartPoint& start) {
    jump(start.packet);
    open_codec();
    codec->excuse_below(start.rank);
    began = start.rank;
  }

  // Decodes on until frame `number` is in `picture`; false when it does not come, or something before it is damaged.
  bool run_to(std::int64_t number) {
    while (pump()) {
      if (shown >= number) return shown == number && codec->faults() == 0;
    }
    return false;
  }

  // Frame `number` in `picture`. `anew`: it may have been passed over, so begin at a start point.
  void reach(std::int64_t number, bool anew) {
    if (picture && shown == number) return;
    const bool behind = anew || shown >= number;
    if (index->by_time) {
      const auto after = std::upper_bound(index->starts.begin(), index->starts.end(), number,
                                          [](std::int64_t n, const StartPoint& start) { return n < start.rank; });
      if (behind || (after - 1)->packet > position) begin(*(after - 1));
    } else if (behind) {
      jump(0);
    }
    if (run_to(number)) return;
    // FFmpeg's H.264 decoder may keep the file's last frame to itself when it began at an open group. What decoding
    // from the beginning gives, counts.
    if (index->by_time && began > 0) {
      begin(index->starts.front());
      if (run_to(number)) return;
    }
    jump(0);  // a later request must not find the damaged picture
    throw Error("video ", source, " is damaged: frame ", number, " of ", index->times.size(), " cannot be decoded");
  }

  const Frame& present(std::int64_t number, double time) {
    frame.picture = picture;
    frame.rotation = info.rotation;
    const bool turned = info.rotation % 180 != 0;
    frame.width = turned ? picture->height : picture->width;
    frame.height = turned ? picture->width : picture->height;
    frame.number = number;
    frame.pts_s = time;
    return frame;
  }
};

Decoder::Decoder(const std::string& source, const DecoderOptions& options)
    : impl_(std::make_unique<Impl>(source, options, Probe::kWhenNeeded)) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

const DecodeCounts& Decoder::counts() const { return impl_->counts; }

const VideoInfo& Decoder::info() const {
  Impl& impl = *impl_;
  if (impl.info.pix_fmt.empty() && impl.live && impl.cursor == 0 && !impl.held) {
    // The headers of MP4 and WebM do not name the pixel format; the first picture does.
    impl.deadline.start(impl.options.deadline_s);
    impl.held = impl.pump();
    if (impl.held) {
      impl.info.pix_fmt = av_get_pix_fmt_name(static_cast<AVPixelFormat>(impl.picture->format));
    }
  }
  return impl.info;
}

const std::vector<double>& Decoder::times() {
  impl_->deadline.start(impl_->options.deadline_s);
  impl_->build_index();
  return impl_->index->times;
}

const Frame* Decoder::next() {
  Impl& impl = *impl_;
  impl.deadline.start(impl.options.deadline_s);
  if (impl.held) {
    impl.held = false;
  } else {
    const bool anew = impl.passed_over >= impl.cursor;
    if (impl.index && (anew || impl.shown != impl.cursor - 1)) {
      if (impl.cursor >= static_cast<std::int64_t>(impl.index->times.size())) return nullptr;
      impl.reach(impl.cursor, anew);
    } else if (!impl.pump()) {
      const bool broken = impl.codec->faults() > 0 || !impl.container.damage().empty();
      impl.codec->forgive();
      if (broken)
        throw Error("video ", impl.source, " is damaged after frame ", impl.cursor - 1,
                    ": no further frame can be decoded");
      return nullptr;
    }
    impl.codec->forgive();
  }
  const std::int64_t number = impl.shown;
  impl.cursor = number + 1;
  double time = 0;
  if (impl.index) {
    const auto& times = impl.index->times;
    time = times[static_cast<std::size_t>(std::min<std::int64_t>(number, static_cast<std::int64_t>(times.size()) - 1))];
  } else {
    time = impl.clock->next(impl.picture->best_effort_timestamp);
  }
  return &impl.present(number, time);
}

void Decoder::rewind() {
  Impl& impl = *impl_;
  impl.deadline.start(impl.options.deadline_s);
  impl.cursor = 0;
  impl.clock = impl.new_clock();
  impl.jump(0);
}

void Decoder::decode(std::span<const std::int64_t> numbers,
                     const std::function<void(std::size_t k, const Frame& frame)>& sink) {
  Impl& impl = *impl_;
  impl.deadline.start(impl.options.deadline_s);
  impl.build_index();
  const auto frames = static_cast<std::int64_t>(impl.index->times.size());
  std::vector<std::size_t> order(numbers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return numbers[a] < numbers[b]; });
  std::vector<bool> wanted(static_cast<std::size_t>(frames), false);
  for (const std::int64_t number : numbers) {
    if (number < 0 || number >= frames) {
      const std::string cut = impl.container.damage().empty() ? "" : "; the file is cut off there";
      throw Error("video ", impl.source, " has no frame ", number, ": its frames are 0 to ", frames - 1, cut);
    }
    wanted[static_cast<std::size_t>(number)] = true;
  }
  bool anew = !order.empty() && impl.passed_over >= numbers[order.front()];
  struct Unset {
    Impl& impl;
    ~Unset() { impl.wanted = nullptr; }
  } unset{impl};
  if (impl.index->by_time) impl.wanted = &wanted;
  for (const std::size_t k : order) {
    impl.reach(numbers[k], anew);
    anew = false;
    sink(k, impl.present(numbers[k], impl.index->times[static_cast<std::size_t>(numbers[k])]));
  }
}

VideoInfo inspect(const std::filesystem::path& path, const DecoderOptions& options) {
  Deadline deadline;
  deadline.start(options.deadline_s);
  VideoInfo info = Container(path.string(), deadline, Probe::kAlways).info();
  Decoder decoder(path.string(), options);
  info.frames = static_cast<std::int64_t>(decoder.times().size());
  if (info.duration_s <= 0 && info.frames > 0) {
    info.duration_s = decoder.times().back() + (info.fps > 0 ? 1 / info.fps : 0);
  }
  return info;
}

}  // namespace trecvit::video
