#include "data/video/container.h"

extern "C" {
#include <libavutil/display.h>
#include <libavutil/pixdesc.h>
}

#include <cmath>
#include <filesystem>
#include <string_view>

#include "core/error.h"

namespace trecvit::video {
namespace {

int interrupt(void* deadline) { return static_cast<const Deadline*>(deadline)->passed() ? 1 : 0; }

bool is_url(const std::string& source) { return source.find("://") != std::string::npos; }

// The commonest mistakes, in words that name them.
void check_file(const std::string& source) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::file_status status = fs::status(source, error);
  if (!fs::exists(status)) throw Error("video ", source, " does not exist");
  if (fs::is_directory(status)) throw Error(source, " is a folder; a video file is needed");
  if (fs::is_regular_file(status) && fs::file_size(source, error) == 0 && !error) {
    throw Error("video ", source, " is empty (0 bytes)");
  }
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

int clockwise_rotation(const AVStream& stream) {
  const std::uint8_t* matrix = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, nullptr);
  if (!matrix) return 0;
  const double counter_clockwise = av_display_rotation_get(reinterpret_cast<const std::int32_t*>(matrix));
  if (!std::isfinite(counter_clockwise)) return 0;
  const int quarters = static_cast<int>(std::lround(-counter_clockwise / 90.0));
  return ((quarters % 4) + 4) % 4 * 90;
}

}  // namespace

Container::Container(const std::string& source, const Deadline& deadline, Probe probe)
    : source_(source), deadline_(deadline) {
  silence_libav();
  if (!is_url(source_)) check_file(source_);
  open(probe);
}

void Container::open(Probe probe) {
  AVFormatContext* format = avformat_alloc_context();
  if (!format) throw std::bad_alloc();
  format->interrupt_callback = {interrupt, const_cast<Deadline*>(&deadline_)};
  AVDictionary* options = nullptr;
  if (!is_url(source_)) av_dict_set(&options, "protocol_whitelist", "file", 0);
  // The prefix keeps names such as "a:b.mp4" and "-x.mp4" from being taken for protocols or options.
  const std::string name = is_url(source_) ? source_ : "file:" + source_;
  const int code = avformat_open_input(&format, name.c_str(), nullptr, &options);
  av_dict_free(&options);
  if (code < 0) {  // `format` is freed already
    if (deadline_.passed()) throw Error("video ", source_, " could not be opened before its deadline");
    throw Error("video ", source_, " is not a video file that can be read (", libav_text(code), ")");
  }
  format_.reset(format);
  if (!is_url(source_) && refers_elsewhere(*format->iformat)) {
    throw Error("video ", source_, " is a text or play list (", format->iformat->name, "), not a video file");
  }
  stream_ = nullptr;
  damage_.clear();
  started_ = false;
  if (probe == Probe::kWhenNeeded) {
    find_video();
    if (stream_ && complete(*format, *stream_)) return;
  }
  const int probed = avformat_find_stream_info(format, nullptr);
  check_deadline();
  find_video();
  if (!stream_) throw Error("video ", source_, " has no video stream");
  const AVCodecParameters& par = *stream_->codecpar;
  if (par.codec_id == AV_CODEC_ID_NONE) throw Error("video ", source_, " has a video stream of an unknown codec");
  if (probed < 0 || par.width <= 0 || par.height <= 0) {
    throw Error("video ", source_, " is damaged: no picture size could be found in its video stream");
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

void Container::check_deadline() const {
  if (deadline_.passed()) throw Error("video ", source_, " took longer to read than its deadline allows");
}

bool Container::read(AVPacket* packet) {
  for (;;) {
    const int code = av_read_frame(format_.get(), packet);
    check_deadline();
    started_ = true;
    if (code == AVERROR(EAGAIN)) continue;
    if (code < 0) {
      if (code != AVERROR_EOF) damage_ = libav_text(code);
      return false;
    }
    if (packet->stream_index == stream_->index && packet->size > 0) {
      // A packet that the end of the file cut short is no packet.
      if (!(packet->flags & AV_PKT_FLAG_CORRUPT)) return true;
      damage_ = "the last picture is cut off";
    }
    av_packet_unref(packet);
  }
}

void Container::rewind() {
  if (started_) open(Probe::kWhenNeeded);
}

bool Container::seek(std::int64_t dts) {
  started_ = true;
  damage_.clear();
  return av_seek_frame(format_.get(), stream_->index, dts, AVSEEK_FLAG_BACKWARD) >= 0;
}

VideoInfo Container::info() const {
  const AVCodecParameters& par = *stream_->codecpar;
  VideoInfo info;
  info.codec = avcodec_get_name(par.codec_id);
  info.width = par.width;
  info.height = par.height;
  info.rotation = clockwise_rotation(*stream_);
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
