#include "data/video/encoder.h"

extern "C" {
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
}

#include <unistd.h>

#include <algorithm>
#include <new>

#include "core/error.h"
#include "core/file.h"
#include "data/video/libav.h"

namespace trecvit::video {
namespace {

struct Recipe {
  const char* codec;    // our name
  const char* encoder;  // FFmpeg's
  AVPixelFormat format;
  int most;  // largest quality number
};
constexpr Recipe kRecipes[] = {
    {"vp9", "libvpx-vp9", AV_PIX_FMT_YUV420P, 63}, {"vp8", "libvpx", AV_PIX_FMT_YUV420P, 63},
    {"h264", "libx264", AV_PIX_FMT_YUV420P, 51},   {"mpeg4", "mpeg4", AV_PIX_FMT_YUV420P, 31},
    {"mjpeg", "mjpeg", AV_PIX_FMT_YUVJ420P, 31},   {"ffv1", "ffv1", AV_PIX_FMT_BGR0, 0},
};

const Recipe& recipe_of(const std::string& codec) {
  for (const Recipe& recipe : kRecipes) {
    if (codec == recipe.codec) return recipe;
  }
  throw UsageError("codec is ", codec, "; it must be vp9, vp8, h264, mpeg4, mjpeg or ffv1");
}

// RGB to the encoder's planes: BT.601, in the range that the format implies.
Handle<SwsContext> make_scaler(int width, int height, AVPixelFormat format) {
  Handle<SwsContext> scaler(sws_getContext(width, height, AV_PIX_FMT_RGB24, width, height, format,
                                           SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_BITEXACT, nullptr,
                                           nullptr, nullptr));
  if (!scaler) throw Error("pictures of ", width, " x ", height, " pixels cannot be converted for encoding");
  return scaler;
}

Handle<AVFrame> make_picture(int width, int height, AVPixelFormat format) {
  Handle<AVFrame> frame = new_frame();
  frame->width = width;
  frame->height = height;
  frame->format = format;
  if (av_frame_get_buffer(frame.get(), 0) < 0) throw std::bad_alloc();
  return frame;
}

void fill(SwsContext& scaler, std::span<const std::uint8_t> rgb, AVFrame& frame) {
  ensure(rgb.size() == static_cast<std::size_t>(frame.width) * frame.height * 3, "a picture of ", frame.width, " x ",
         frame.height, " pixels came with ", rgb.size(), " bytes");
  if (av_frame_make_writable(&frame) < 0) throw std::bad_alloc();
  // swscale reads a few bytes beyond the last pixel: only FFmpeg's own buffers have room for that.
  const Handle<AVFrame> padded = make_picture(frame.width, frame.height, AV_PIX_FMT_RGB24);
  av_image_copy_plane(padded->data[0], padded->linesize[0], rgb.data(), frame.width * 3, frame.width * 3, frame.height);
  sws_scale(&scaler, padded->data, padded->linesize, 0, frame.height, frame.data, frame.linesize);
}

}  // namespace

struct Encoder::Impl {
  std::filesystem::path path, temporary;
  AVFormatContext* format = nullptr;
  Handle<AVCodecContext> codec;
  Handle<SwsContext> scaler;
  Handle<AVFrame> frame;
  Handle<AVPacket> packet = new_packet();
  AVStream* stream = nullptr;
  std::int64_t count = 0;

  ~Impl() {
    if (!format) return;  // finished
    avio_closep(&format->pb);
    avformat_free_context(format);
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
  }

  void check(int code, const char* action) const {
    if (code < 0)
      throw Error("video ", path.string(), " cannot be written: ", action, " failed (", libav_text(code), ")");
  }

  void open(const EncoderOptions& options) {
    const Recipe& recipe = recipe_of(options.codec);
    if (options.width <= 0 || options.height <= 0 || !(options.fps > 0)) {
      throw UsageError("a video needs a positive size and frame rate, not ", options.width, " x ", options.height,
                       " at ", options.fps, " frames/s");
    }
    if (recipe.format != AV_PIX_FMT_BGR0 && (options.width % 2 != 0 || options.height % 2 != 0)) {
      throw UsageError("a ", recipe.codec, " video needs an even width and height, not ", options.width, " x ",
                       options.height);
    }
    const AVCodec* encoder = avcodec_find_encoder_by_name(recipe.encoder);
    if (!encoder) throw Error("FFmpeg on this machine has no encoder ", recipe.encoder);
    temporary = path;
    temporary += text(".", ::getpid(), ".tmp");
    const AVOutputFormat* container = av_guess_format(nullptr, path.filename().c_str(), nullptr);
    if (!container)
      throw UsageError("video ", path.string(), " has no suffix that names a container; use .webm, .mp4, .mkv or .avi");
    check(avformat_alloc_output_context2(&format, container, nullptr, temporary.c_str()), "opening the container");
    format->flags |= AVFMT_FLAG_BITEXACT;  // no version strings or dates: the same frames give the same bytes
    stream = avformat_new_stream(format, nullptr);
    if (!stream) throw std::bad_alloc();
    codec.reset(avcodec_alloc_context3(encoder));
    if (!codec) throw std::bad_alloc();
    configure(options, recipe);
    AVDictionary* settings = nullptr;
    set_quality(options, recipe, &settings);
    const int opened = avcodec_open2(codec.get(), encoder, &settings);
    av_dict_free(&settings);
    check(opened, "opening the encoder");
    check(avcodec_parameters_from_context(stream->codecpar, codec.get()), "describing the stream");
    stream->time_base = codec->time_base;
    stream->avg_frame_rate = codec->framerate;
    check(avio_open(&format->pb, temporary.c_str(), AVIO_FLAG_WRITE), "creating the file");
    check(avformat_write_header(format, nullptr), "writing the header");
    scaler = make_scaler(options.width, options.height, recipe.format);
    frame = make_picture(options.width, options.height, recipe.format);
  }

  void configure(const EncoderOptions& options, const Recipe& recipe) {
    codec->width = options.width;
    codec->height = options.height;
    codec->pix_fmt = recipe.format;
    codec->framerate = av_d2q(options.fps, 60000);  // the denominators of MPEG-4 have 16 bits
    codec->time_base = av_inv_q(codec->framerate);
    codec->gop_size = options.keyframe_interval;
    codec->thread_count = 1;
    codec->flags |= AV_CODEC_FLAG_BITEXACT;
    if (format->oformat->flags & AVFMT_GLOBALHEADER) codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (recipe.format != AV_PIX_FMT_BGR0) {
      codec->colorspace = AVCOL_SPC_SMPTE170M;
      codec->color_range = recipe.format == AV_PIX_FMT_YUVJ420P ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    }
  }

  void set_quality(const EncoderOptions& options, const Recipe& recipe, AVDictionary** settings) const {
    if (options.quality < 0 || options.quality > recipe.most) {
      if (recipe.most > 0) {
        throw UsageError("quality is ", options.quality, "; for ", recipe.codec, " it must be between 0 and ",
                         recipe.most);
      }
    }
    const std::string codec_name = recipe.codec;
    if (codec_name == "vp9" || codec_name == "vp8") {
      av_dict_set_int(settings, "crf", options.quality, 0);
      av_dict_set(settings, "b", codec_name == "vp9" ? "0" : "10M", 0);  // VP8 knows constrained quality only
      av_dict_set(settings, "deadline", "realtime", 0);
      av_dict_set(settings, "cpu-used", "8", 0);
      if (codec_name == "vp9") av_dict_set(settings, "row-mt", "0", 0);
    } else if (codec_name == "h264") {
      av_dict_set(settings, "preset", "veryfast", 0);
      av_dict_set_int(settings, "crf", options.quality, 0);
      av_dict_set(settings, "bf", "2", 0);
      // Same bytes on every processor; without it x264 differs from run to run on some with AVX-512.
      av_dict_set(settings, "x264-params", "cpu-independent=1", 0);
    } else if (recipe.most == 31) {
      codec->flags |= AV_CODEC_FLAG_QSCALE;
      codec->global_quality = FF_QP2LAMBDA * std::max(1, options.quality);
      if (codec_name == "mpeg4") codec->max_b_frames = 1;
    }
  }

  // Sends a picture (null: the end) and writes what comes out.
  void encode(const AVFrame* picture) {
    check(avcodec_send_frame(codec.get(), picture), "encoding a frame");
    for (;;) {
      const int code = avcodec_receive_packet(codec.get(), packet.get());
      if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return;
      check(code, "encoding a frame");
      if (packet->duration == 0) packet->duration = 1;
      av_packet_rescale_ts(packet.get(), codec->time_base, stream->time_base);
      packet->stream_index = stream->index;
      check(av_interleaved_write_frame(format, packet.get()), "writing a frame");
    }
  }
};

Encoder::Encoder(const std::filesystem::path& path, const EncoderOptions& options) : impl_(std::make_unique<Impl>()) {
  silence_libav();
  impl_->path = path;
  impl_->open(options);
}

Encoder::~Encoder() = default;

void Encoder::add(std::span<const std::uint8_t> rgb) {
  ensure(impl_->format != nullptr, "a frame was added to a finished video");
  fill(*impl_->scaler, rgb, *impl_->frame);
  impl_->frame->pts = impl_->count++;
  impl_->encode(impl_->frame.get());
}

void Encoder::finish() {
  Impl& impl = *impl_;
  ensure(impl.format != nullptr, "a video was finished twice");
  if (impl.count == 0) throw Error("video ", impl.path.string(), " cannot be written without a single frame");
  impl.encode(nullptr);
  impl.check(av_write_trailer(impl.format), "writing the end");
  impl.check(avio_closep(&impl.format->pb), "closing the file");
  avformat_free_context(impl.format);
  impl.format = nullptr;
  std::error_code error;
  std::filesystem::rename(impl.temporary, impl.path, error);
  if (error) {
    std::error_code ignored;
    std::filesystem::remove(impl.temporary, ignored);
    throw Error("video ", impl.path.string(), " cannot be written: ", error.message());
  }
}

void write_picture(const std::filesystem::path& path, std::span<const std::uint8_t> rgb, int width, int height) {
  silence_libav();
  const std::string suffix = path.extension().string();
  const bool png = suffix == ".png";
  if (!png && suffix != ".jpg" && suffix != ".jpeg") {
    throw UsageError("picture ", path.string(), " has the suffix \"", suffix, "\"; it must be .png or .jpg");
  }
  const AVCodec* encoder = avcodec_find_encoder(png ? AV_CODEC_ID_PNG : AV_CODEC_ID_MJPEG);
  if (!encoder) throw Error("FFmpeg on this machine has no encoder for ", suffix, " pictures");
  Handle<AVCodecContext> codec(avcodec_alloc_context3(encoder));
  if (!codec) throw std::bad_alloc();
  codec->width = width;
  codec->height = height;
  codec->pix_fmt = png ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_YUVJ444P;
  codec->time_base = {1, 25};
  codec->thread_count = 1;
  codec->flags |= AV_CODEC_FLAG_BITEXACT | (png ? 0 : AV_CODEC_FLAG_QSCALE);
  codec->global_quality = 2 * FF_QP2LAMBDA;
  Handle<AVFrame> frame = make_picture(width, height, codec->pix_fmt);
  Handle<SwsContext> scaler = make_scaler(width, height, codec->pix_fmt);
  fill(*scaler, rgb, *frame);
  frame->quality = codec->global_quality;
  Handle<AVPacket> packet = new_packet();
  int code = avcodec_open2(codec.get(), encoder, nullptr);
  if (code >= 0) code = avcodec_send_frame(codec.get(), frame.get());
  if (code >= 0) code = avcodec_send_frame(codec.get(), nullptr);
  if (code >= 0) code = avcodec_receive_packet(codec.get(), packet.get());
  if (code < 0) throw Error("picture ", path.string(), " cannot be encoded (", libav_text(code), ")");
  AtomicFile file(path);
  file.write(packet->data, static_cast<std::size_t>(packet->size));
  file.commit();
}

}  // namespace trecvit::video
