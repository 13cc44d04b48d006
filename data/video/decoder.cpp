#include "data/video/decoder.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "data/video/frame_source.h"

namespace trecvit::video {

struct Decoder::Impl {
  FrameSource source;
  VideoInfo info;
  Frame frame;
  std::int64_t cursor = 0;  // number of the frame that next() gives next
  bool held = false;        // info() has decoded it already
  Clock clock;              // for next() before there is an index

  Impl(const std::string& name, const DecoderOptions& options)
      : source(name, options), info(source.info()), clock(source.new_clock()) {}

  const std::vector<double>& times() {
    if (!source.indexed()) {
      source.build_index();
      held = false;
      info.frames = static_cast<std::int64_t>(source.times().size());
      if (info.duration_s <= 0 && info.frames > 0) {
        info.duration_s = source.times().back() + (info.fps > 0 ? 1 / info.fps : 0);
      }
    }
    return source.times();
  }

  const Frame& present(double time) {
    const AVFrame& picture = *source.picture();
    const bool turned = info.rotation % 180 != 0;
    frame = {.picture = &picture,
             .width = turned ? picture.height : picture.width,
             .height = turned ? picture.width : picture.height,
             .rotation = info.rotation,
             .mirrored = info.mirrored,
             .number = source.number(),
             .pts_s = time};
    return frame;
  }
};

Decoder::Decoder(const std::string& source, const DecoderOptions& options)
    : impl_(std::make_unique<Impl>(source, options)) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

const DecodeCounts& Decoder::counts() const { return impl_->source.counts(); }

const VideoInfo& Decoder::info() const {
  Impl& impl = *impl_;
  if (!impl.info.pix_fmt.empty()) return impl.info;
  // The headers of MP4 and WebM do not name the pixel format; the first picture does.
  FrameSource& source = impl.source;
  if (!source.picture()) {
    source.start_deadline();
    if (source.indexed()) {
      if (!source.times().empty()) source.reach(0, nullptr);
    } else if (impl.cursor == 0) {
      impl.held = source.advance();
    }
  }
  if (source.picture()) {
    const char* name = av_get_pix_fmt_name(static_cast<AVPixelFormat>(source.picture()->format));
    if (name) impl.info.pix_fmt = name;
  }
  return impl.info;
}

const std::vector<double>& Decoder::times() {
  impl_->source.start_deadline();
  return impl_->times();
}

const Frame* Decoder::next() {
  Impl& impl = *impl_;
  FrameSource& source = impl.source;
  source.start_deadline();
  if (impl.held) {
    impl.held = false;
  } else if (source.indexed() && !source.stands_before(impl.cursor)) {  // decode() was here
    if (impl.cursor >= static_cast<std::int64_t>(source.times().size())) return nullptr;
    source.reach(impl.cursor, nullptr);
  } else if (!source.advance()) {
    if (!source.take_faults() && source.container().damage().empty()) return nullptr;
    throw Error("video ", source.name(), " is damaged after frame ", impl.cursor - 1,
                ": no further frame can be decoded");
  }
  source.take_faults();
  impl.cursor = source.number() + 1;
  if (!source.indexed()) return &impl.present(impl.clock.next(source.picture()->best_effort_timestamp));
  const std::vector<double>& times = source.times();
  // A codec that shows more than the packets promised: the last time must do.
  const auto at = std::min(static_cast<std::size_t>(source.number()) + 1, times.size());
  return &impl.present(at > 0 ? times[at - 1] : 0);
}

void Decoder::rewind() {
  Impl& impl = *impl_;
  impl.source.start_deadline();
  impl.source.rewind();
  impl.cursor = 0;
  impl.held = false;
  impl.clock = impl.source.new_clock();
}

void Decoder::decode(std::span<const std::int64_t> numbers,
                     const std::function<void(std::size_t k, const Frame& frame)>& sink) {
  FrameSource& source = impl_->source;
  source.start_deadline();
  const std::vector<double>& times = impl_->times();
  const auto frames = static_cast<std::int64_t>(times.size());
  std::vector<std::size_t> order(numbers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return numbers[a] < numbers[b]; });
  std::vector<bool> wanted(times.size(), false);
  for (const std::int64_t number : numbers) {
    if (frames == 0) throw Error("video ", source.name(), " has no frame that can be decoded");
    if (number < 0 || number >= frames) {
      const char* cut = source.container().damage().empty() ? "" : "; the file is cut off there";
      throw Error("video ", source.name(), " has no frame ", number, ": its frames are 0 to ", frames - 1, cut);
    }
    wanted[static_cast<std::size_t>(number)] = true;
  }
  for (const std::size_t k : order) {
    source.reach(numbers[k], &wanted);
    sink(k, impl_->present(times[static_cast<std::size_t>(numbers[k])]));
  }
}

VideoInfo inspect(const std::filesystem::path& path, const DecoderOptions& options) {
  Deadline deadline;
  deadline.start(options.deadline_s);
  VideoInfo info = Container(path.string(), deadline, Probe::kAlways).info();
  Decoder decoder(path.string(), options);
  decoder.times();
  info.frames = decoder.info().frames;
  if (info.duration_s <= 0) info.duration_s = decoder.info().duration_s;
  return info;
}

}  // namespace trecvit::video
