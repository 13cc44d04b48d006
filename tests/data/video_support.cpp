#include "video_support.h"

extern "C" {
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
}

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "core/error.h"
#include "data/video/rgb.h"
#include "data/video/libav.h"

// The encoder leaks its own settings; a build with the address sanitizer must not fail for that.
extern "C" const char* __lsan_default_suppressions() { return "leak:libx265"; }

namespace trecvit::video_test {
namespace fs = std::filesystem;
using video::Handle;

Folder::Folder() {
  std::string name = (fs::temp_directory_path() / "trecvit_video_XXXXXX").string();
  ensure(mkdtemp(name.data()) != nullptr, "no temporary folder");
  path_ = name;
}

Folder::~Folder() { fs::remove_all(path_); }

namespace {

void check(int code, const char* what) { ensure(code >= 0, what, ": ", video::libav_text(code)); }

// Bars in the lower half of the luma plane, a slow ramp above (calm enough for alternate reference frames), and a
// different chroma per frame so that mixed-up planes show too.
void draw(AVFrame& frame, int number) {
  const AVPixFmtDescriptor& format = *av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
  ensure(format.comp[0].depth == 8, "bars are drawn in 8 bits");
  for (int c = 0; c < format.nb_components; ++c) {
    const int width = AV_CEIL_RSHIFT(frame.width, c > 0 ? format.log2_chroma_w : 0);
    const int height = AV_CEIL_RSHIFT(frame.height, c > 0 ? format.log2_chroma_h : 0);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const int bar = x * 8 / width;
        const int luma = y < height / 2 ? 40 + 2 * x + y + number / 4 : number >> bar & 1 ? 220 : 30;
        frame.data[c][y * frame.linesize[c] + x] = static_cast<std::uint8_t>(c == 0 ? luma : 120 + number % 16 + 2 * c);
      }
    }
  }
}

struct Output {
  AVFormatContext* format = nullptr;
  ~Output() {
    if (!format) return;
    avio_closep(&format->pb);
    avformat_free_context(format);
  }
};

std::string encode(const fs::path& path, const ClipSpec& spec, const AVCodec* encoder, int pass, std::string stats) {
  Output out;
  check(avformat_alloc_output_context2(&out.format, nullptr, nullptr, path.c_str()), "container");
  Handle<AVCodecContext> codec(avcodec_alloc_context3(encoder));
  codec->width = kWidth;
  codec->height = kHeight;
  codec->pix_fmt = av_get_pix_fmt(spec.pix_fmt.c_str());
  codec->time_base = {1, spec.pts ? 1000 : spec.fps};
  codec->framerate = {spec.fps, 1};
  codec->gop_size = spec.gop;
  codec->max_b_frames = spec.b_frames;
  codec->thread_count = 1;
  if (spec.pix_fmt.substr(0, 4) == "yuvj") codec->color_range = AVCOL_RANGE_JPEG;
  if (spec.encoder == "mpeg4" || spec.encoder == "mjpeg") {
    codec->flags |= AV_CODEC_FLAG_QSCALE;
    codec->global_quality = 3 * FF_QP2LAMBDA;
  }
  if (out.format->oformat->flags & AVFMT_GLOBALHEADER) codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  if (pass > 0) codec->flags |= pass == 1 ? AV_CODEC_FLAG_PASS1 : AV_CODEC_FLAG_PASS2;
  if (pass == 2) codec->stats_in = av_strdup(stats.c_str());
  AVDictionary* options = nullptr;
  for (const auto& [key, value] : spec.options) av_dict_set(&options, key.c_str(), value.c_str(), 0);
  const int opened = avcodec_open2(codec.get(), encoder, &options);
  ensure(av_dict_count(options) == 0, "an encoder option is unknown");
  av_dict_free(&options);
  check(opened, "encoder");
  AVStream* stream = avformat_new_stream(out.format, nullptr);
  check(avcodec_parameters_from_context(stream->codecpar, codec.get()), "stream");
  stream->time_base = codec->time_base;
  stream->avg_frame_rate = codec->framerate;
  check(avio_open(&out.format->pb, path.c_str(), AVIO_FLAG_WRITE), "file");
  for (const auto& [key, value] : spec.muxer) av_dict_set(&options, key.c_str(), value.c_str(), 0);
  check(avformat_write_header(out.format, &options), "header");
  av_dict_free(&options);
  Handle<AVFrame> frame = video::new_frame();
  frame->width = kWidth;
  frame->height = kHeight;
  frame->format = codec->pix_fmt;
  check(av_frame_get_buffer(frame.get(), 0), "frame");
  Handle<AVPacket> packet = video::new_packet();
  int packets = 0;
  for (int i = 0; i <= spec.frames; ++i) {
    if (i < spec.frames) {
      check(av_frame_make_writable(frame.get()), "frame");
      draw(*frame, i);
      frame->pts = spec.pts ? spec.pts(i) : i;
    }
    check(avcodec_send_frame(codec.get(), i < spec.frames ? frame.get() : nullptr), "encode");
    for (;;) {
      const int code = avcodec_receive_packet(codec.get(), packet.get());
      if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) break;
      check(code, "encode");
      av_packet_rescale_ts(packet.get(), codec->time_base, stream->time_base);
      if (spec.edit) spec.edit(*packet, packets++);
      check(av_interleaved_write_frame(out.format, packet.get()), "write");
    }
  }
  check(av_write_trailer(out.format), "trailer");
  const std::string learnt = pass == 1 && codec->stats_out ? codec->stats_out : "";
  if (codec->stats_in) av_freep(&codec->stats_in);
  return learnt;
}

}  // namespace

bool write_clip(const fs::path& path, const ClipSpec& spec) {
  video::silence_libav();
  const AVCodec* encoder = avcodec_find_encoder_by_name(spec.encoder.c_str());
  if (!encoder) return false;
  std::string stats;
  if (spec.two_passes) stats = encode(path, spec, encoder, 1, "");
  encode(path, spec, encoder, spec.two_passes ? 2 : 0, stats);
  return true;
}

int shown_number(const video::Frame& frame) {
  std::vector<std::uint8_t> rgb(8 * 3);
  video::View lower = video::whole(frame);
  lower.y = lower.height * 0.6;
  lower.height *= 0.3;
  video::convert(frame, lower, 8, 1, rgb.data());
  int number = 0;
  for (int bar = 0; bar < 8; ++bar) number |= (rgb[static_cast<std::size_t>(bar) * 3 + 1] > 127 ? 1 : 0) << bar;
  return number;
}

std::uint64_t pixel_hash(const video::Frame& frame) {
  const AVFrame& picture = *frame.picture;
  const AVPixFmtDescriptor& format = *av_pix_fmt_desc_get(static_cast<AVPixelFormat>(picture.format));
  std::uint64_t hash = 14695981039346656037ull;
  for (int plane = 0; plane < av_pix_fmt_count_planes(static_cast<AVPixelFormat>(picture.format)); ++plane) {
    const bool chroma = plane == 1 || plane == 2;
    const int rows = AV_CEIL_RSHIFT(picture.height, chroma ? format.log2_chroma_h : 0);
    const int bytes = av_image_get_linesize(static_cast<AVPixelFormat>(picture.format), picture.width, plane);
    for (int y = 0; y < rows; ++y) {
      for (int x = 0; x < bytes; ++x) {
        hash = (hash ^ picture.data[plane][static_cast<std::ptrdiff_t>(y) * picture.linesize[plane] + x]) *
               1099511628211ull;
      }
    }
  }
  return hash;
}

bool have_program(const std::string& program) {
  return std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) == 0;
}

std::string output_of(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  ensure(pipe != nullptr, "cannot run ", command);
  std::string text;
  char buffer[65536];
  for (std::size_t got; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, got);
  pclose(pipe);
  return text;
}

void write_bytes(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::string read_bytes(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string silence() {
  std::string wave = "RIFF";
  const auto number = [&](std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) wave += static_cast<char>(value >> (8 * i));
  };
  number(36 + 8000, 4);
  wave += "WAVEfmt ";
  number(16, 4), number(1, 2), number(1, 2), number(8000, 4), number(16000, 4), number(2, 2), number(16, 2);
  wave += "data";
  number(8000, 4);
  return wave + std::string(8000, '\0');
}

}  // namespace trecvit::video_test
