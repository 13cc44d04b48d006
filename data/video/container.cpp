#include "data/video/container.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <new>
#include <string_view>

#include "core/error.h"

namespace trecvit::video {
namespace {

int interrupt(void* opaque) {
  const auto& deadline = *static_cast<const Deadline*>(opaque);
  return deadline.passed() || deadline.stopped();
}

bool is_url(const std::string& source) { return source.find("://") != std::string::npos; }

const char* kind_of(std::filesystem::file_type type) {
  using Type = std::filesystem::file_type;
  return type == Type::fifo ? "a named pipe" : type == Type::socket ? "a socket" : "a device";
}

// Whether `path` is a pipe, or like one. The commonest mistakes, in words that name them.
bool is_pipe(const std::string& path, const std::string& name, bool live) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory)
    throw Error("video ", name, " cannot be opened: ", error.message());
  if (!fs::exists(status)) throw Error("video ", name, " does not exist");
  if (fs::is_directory(status)) throw Error(name, " is a folder; a video file is needed");
  if (!fs::is_regular_file(status)) {
    if (live) return true;
    throw Error("video ", name, " is ", kind_of(status.type()), "; a regular file is needed");
  }
  if (fs::file_size(path, error) == 0 && !error) throw Error("video ", name, " is empty (0 bytes)");
  return false;
}

// A local file must be a video itself, not a text that makes FFmpeg open other files or addresses.
bool refers_elsewhere(const AVInputFormat& format) {
  for (const std::string_view name : {"hls", "concat", "dash", "tty", "sdp", "ffmetadata"}) {
    if (std::string_view(format.name).substr(0, name.size()) == name) return true;
  }
  return false;
}

// Whether the headers already hold what decoding needs. Note [Probing]: avformat_find_stream_info decodes the first
// frames of every stream to fill gaps that MP4 and WebM files do not have.
bool complete(const AVFormatContext& format, const AVStream& stream) {
  const AVCodecParameters& par = *stream.codecpar;
  const std::string_view name = format.iformat->name;
  const bool described = name.find("mp4") != name.npos || name.find("webm") != name.npos;
  if (!described || par.width <= 0 || par.height <= 0 || stream.avg_frame_rate.num <= 0) return false;
  switch (par.codec_id) {
    case AV_CODEC_ID_VP8:
    case AV_CODEC_ID_VP9:
      return true;
    case AV_CODEC_ID_H264:
    case AV_CODEC_ID_HEVC:
      return par.extradata_size > 0;
    default:
      return false;
  }
}

// Note [Display matrix]: it takes the stored point (x, y) to (a x + c y, b x + d y) of the display, plus an offset. Of
// its eight right-angled forms four turn and four turn and mirror; others are taken for the nearest of these by the
// signs of its larger pair, (a, d) or (b, c).
void set_orientation(const AVStream& stream, VideoInfo& info) {
  const std::uint8_t* bytes = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, nullptr);
  if (!bytes) return;
  std::int32_t matrix[9];
  std::memcpy(matrix, bytes, sizeof matrix);
  const std::int64_t a = matrix[0], b = matrix[1], c = matrix[3], d = matrix[4];
  if (std::abs(a) + std::abs(d) >= std::abs(b) + std::abs(c)) {
    info.rotation = d < 0 ? 180 : 0;
    info.mirrored = (a < 0) != (d < 0);
  } else {
    info.rotation = b > 0 ? 90 : 270;
    info.mirrored = (b > 0) == (c > 0);
  }
}

}  // namespace

Container::Container(const std::string& source, const Deadline& deadline, Probe probe, bool live)
    : source_(source), name_(source), deadline_(deadline) {
  silence_libav();
  if (source == "-" && live) {
    name_ = "standard input";
    if (is_pipe("/dev/stdin", name_, live)) {
      input_ = std::make_unique<LiveInput>("-");
    } else {
      source_ = "/dev/stdin";  // a file: it can be sought
    }
  } else if (!is_url(source_) && is_pipe(source_, name_, live)) {
    input_ = std::make_unique<LiveInput>(source_);
  }
  open(probe);
}

// For libavformat, which knows no exceptions.
int Container::read_input(void* self, std::uint8_t* to, int size) {
  const auto& container = *static_cast<Container*>(self);
  try {
    const std::size_t count = container.input_->read({to, static_cast<std::size_t>(size)}, container.deadline_);
    return count > 0 ? static_cast<int>(count) : AVERROR_EOF;
  } catch (const Error&) {
    return AVERROR(EIO);
  }
}

void Container::open(Probe probe) {
  AVFormatContext* format = avformat_alloc_context();
  if (!format) throw std::bad_alloc();
  format->interrupt_callback = {interrupt, const_cast<Deadline*>(&deadline_)};
  if (input_) {
    constexpr int kBytes = 1 << 15;
    auto* const buffer = static_cast<std::uint8_t*>(av_malloc(kBytes));
    io_.reset(avio_alloc_context(buffer, kBytes, 0, this, read_input, nullptr, nullptr));
    if (!buffer || !io_) throw std::bad_alloc();
    format->pb = io_.get();
  }
  AVDictionary* options = nullptr;
  if (!is_url(source_)) av_dict_set(&options, "protocol_whitelist", "file", 0);
  // The prefix keeps names such as "a:b.mp4" and "-x.mp4" from being taken for protocols or options.
  const std::string name = is_url(source_) ? source_ : "file:" + source_;
  const int code = avformat_open_input(&format, name.c_str(), nullptr, &options);
  av_dict_free(&options);
  if (code < 0) {  // `format` is freed already
    if (!deadline_.stopped() && deadline_.passed())
      throw Error("video ", name_, " could not be opened before its deadline");
    check_deadline();
    throw Error("video ", name_, " is not a video file that can be read (", libav_text(code), ")");
  }
  format_.reset(format);
  if (!is_url(source_) && refers_elsewhere(*format->iformat)) {
    throw Error("video ", name_, " is a text or play list (", format->iformat->name, "), not a video file");
  }
  stream_ = nullptr;
  damage_.clear();
  started_ = false;
  av_packet_unref(ahead_.get());
  if (probe == Probe::kWhenNeeded) {
    find_video();
    if (stream_ && complete(*format, *stream_)) return;
  }
  const int probed = avformat_find_stream_info(format, nullptr);
  check_deadline();
  find_video();
  if (!stream_) throw Error("video ", name_, " has no video stream");
  const AVCodecParameters& par = *stream_->codecpar;
  if (par.codec_id == AV_CODEC_ID_NONE) throw Error("video ", name_, " has a video stream of an unknown codec");
  if (probed < 0 || par.width <= 0 || par.height <= 0) {
    throw Error("video ", name_, " is damaged: no picture size could be found in its video stream");
  }
}

void Container::find_video() {
  const int best = av_find_best_stream(format_.get(), AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  stream_ = best < 0 ? nullptr : format_->streams[best];
  if (!stream_) return;
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    if (static_cast<int>(i) != best) format_->streams[i]->discard = AVDISCARD_ALL;
  }
}

// The next packet of the video stream as libavformat gives it; false at the end.
bool Container::demux(AVPacket* packet) {
  for (;;) {
    const int code = av_read_frame(format_.get(), packet);
    check_deadline();
    started_ = true;
    if (code == AVERROR(EAGAIN)) continue;
    if (code < 0) {
      if (code != AVERROR_EOF) damage_ = libav_text(code);
      return false;
    }
    if (packet->stream_index == stream_->index && packet->size > 0) return true;
    av_packet_unref(packet);
  }
}

bool Container::read(AVPacket* packet) {
  if (ahead_->size > 0) {
    av_packet_move_ref(packet, ahead_.get());
  } else if (!demux(packet)) {
    return false;
  }
  // In the middle of a stream the codec judges what is left of a damaged packet; at the end it is no picture.
  if (!(packet->flags & AV_PKT_FLAG_CORRUPT) || demux(ahead_.get())) return true;
  av_packet_unref(packet);
  if (damage_.empty()) damage_ = "the last picture is cut off";
  return false;
}

void Container::rewind() {
  if (!started_) return;
  if (input_) throw Error("video ", name_, " comes through a pipe and cannot be read a second time");
  open(Probe::kWhenNeeded);
}

bool Container::seek(std::int64_t dts) {
  started_ = true;
  damage_.clear();
  av_packet_unref(ahead_.get());
  return av_seek_frame(format_.get(), stream_->index, dts, AVSEEK_FLAG_BACKWARD) >= 0;
}

bool Container::order_unknown() const {
  return !input_ && !is_url(source_) && std::string_view(format_->iformat->name).find("mp4") == std::string_view::npos;
}

VideoInfo Container::info() const {
  const AVCodecParameters& par = *stream_->codecpar;
  VideoInfo info;
  info.codec = avcodec_get_name(par.codec_id);
  info.width = par.width;
  info.height = par.height;
  set_orientation(*stream_, info);
  if (stream_->avg_frame_rate.num > 0 && stream_->avg_frame_rate.den > 0) info.fps = av_q2d(stream_->avg_frame_rate);
  if (stream_->duration > 0) {
    info.duration_s = static_cast<double>(stream_->duration) * av_q2d(stream_->time_base);
  } else if (format_->duration > 0) {
    info.duration_s = static_cast<double>(format_->duration) / AV_TIME_BASE;
  }
  if (const char* name = av_get_pix_fmt_name(static_cast<AVPixelFormat>(par.format))) info.pix_fmt = name;
  return info;
}

}  // namespace trecvit::video
