#include "data/video/writer.h"

#include <unistd.h>

#include <new>

#include "core/error.h"
#include "data/video/codecs.h"
#include "data/video/libav.h"
#include "data/video/rgb_input.h"

namespace trecvit::video {
namespace {

int rounded_up(int side, bool even) { return side + (even ? side % 2 : 0); }

void check_options(const WriterOptions& options, const CodecRecipe& recipe) {
  if (options.width <= 0 || options.height <= 0 || !(options.fps > 0)) {
    throw UsageError("a video needs a positive size and frame rate, not ", options.width, " x ", options.height, " at ",
                     options.fps, " frames/s");
  }
  if (recipe.even_sides && !options.pad && (options.width % 2 != 0 || options.height % 2 != 0)) {
    throw UsageError("a ", recipe.codec, " video needs an even width and height, not ", options.width, " x ",
                     options.height);
  }
}

void describe_frames(const WriterOptions& options, const CodecRecipe& recipe, AVCodecContext& codec) {
  codec.width = rounded_up(options.width, recipe.even_sides);
  codec.height = rounded_up(options.height, recipe.even_sides);
  codec.pix_fmt = recipe.format;
  codec.framerate = av_d2q(options.fps, 60000);  // the denominators of MPEG-4 have 16 bits
  codec.time_base = av_inv_q(codec.framerate);
  codec.gop_size = options.keyframe_interval;
  codec.thread_count = 1;
  codec.flags |= AV_CODEC_FLAG_BITEXACT;
  if (recipe.format != AV_PIX_FMT_BGR0) {
    codec.colorspace = AVCOL_SPC_SMPTE170M;
    codec.color_range = recipe.format == AV_PIX_FMT_YUVJ420P ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
  }
}

}  // namespace

struct VideoWriter::Impl {
  std::filesystem::path path, temporary;
  std::string codec_name;
  AVFormatContext* format = nullptr;
  Handle<AVCodecContext> codec;
  std::unique_ptr<RgbInput> input;
  Handle<AVPacket> packet = new_packet();
  AVStream* stream = nullptr;
  std::int64_t count = 0;

  ~Impl() {
    if (format) discard();
  }

  void discard() {
    avio_closep(&format->pb);
    avformat_free_context(format);
    format = nullptr;
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
  }

  void check(int code, const char* action) const {
    if (code < 0)
      throw Error("video ", path.string(), " cannot be written: ", action, " failed (", libav_text(code), ")");
  }

  void open(const WriterOptions& options) {
    const AVOutputFormat& container = container_of(path);
    const CodecRecipe& recipe = choose_codec(options.codec, container, path.extension().string());
    check_options(options, recipe);
    codec_name = recipe.codec;
    open_encoder(options, recipe, (container.flags & AVFMT_GLOBALHEADER) != 0);
    open_container(container);
    input = std::make_unique<RgbInput>(options.width, options.height, codec->width, codec->height, recipe.format);
  }

  void open_encoder(const WriterOptions& options, const CodecRecipe& recipe, bool global_header) {
    const AVCodec* encoder = avcodec_find_encoder_by_name(recipe.encoder);
    codec.reset(avcodec_alloc_context3(encoder));
    if (!codec) throw std::bad_alloc();
    describe_frames(options, recipe, *codec);
    if (global_header) codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    AVDictionary* settings = nullptr;
    set_quality(recipe, options.quality == -1 ? recipe.default_quality : options.quality, *codec, &settings);
    const int opened = avcodec_open2(codec.get(), encoder, &settings);
    av_dict_free(&settings);
    check(opened, "opening the encoder");
  }

  void open_container(const AVOutputFormat& container) {
    temporary = path;
    temporary += text(".", ::getpid(), ".tmp");
    check(avformat_alloc_output_context2(&format, &container, nullptr, temporary.c_str()), "opening the container");
    format->flags |= AVFMT_FLAG_BITEXACT;  // no version strings or dates: the same frames give the same bytes
    stream = avformat_new_stream(format, nullptr);
    if (!stream) throw std::bad_alloc();
    check(avcodec_parameters_from_context(stream->codecpar, codec.get()), "describing the stream");
    stream->time_base = codec->time_base;
    stream->avg_frame_rate = codec->framerate;
    check(avio_open(&format->pb, temporary.c_str(), AVIO_FLAG_WRITE), "creating the file");
    check(avformat_write_header(format, nullptr), "writing the header");
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

  void finish() {
    encode(nullptr);
    check(av_write_trailer(format), "writing the end");
    // A full disk may show itself in the last flush alone.
    avio_flush(format->pb);
    check(format->pb->error, "writing the end");
    check(avio_closep(&format->pb), "closing the file");
    std::error_code error;
    std::filesystem::rename(temporary, path, error);
    if (error) throw Error("video ", path.string(), " cannot be written: ", error.message());
    avformat_free_context(format);
    format = nullptr;
  }
};

VideoWriter::VideoWriter(const std::filesystem::path& path, const WriterOptions& options)
    : impl_(std::make_unique<Impl>()) {
  silence_libav();
  impl_->path = path;
  impl_->open(options);
}

VideoWriter::~VideoWriter() = default;

void VideoWriter::add(std::span<const std::uint8_t> rgb) {
  ensure(impl_->format != nullptr, "a frame was added to a finished video");
  AVFrame& frame = impl_->input->convert(rgb);
  frame.pts = impl_->count;
  impl_->encode(&frame);
  ++impl_->count;
}

void VideoWriter::finish() {
  ensure(impl_->format != nullptr, "a video was finished twice");
  if (impl_->count == 0) throw Error("video ", impl_->path.string(), " cannot be written without a single frame");
  impl_->finish();
}

const std::string& VideoWriter::codec() const { return impl_->codec_name; }
std::int64_t VideoWriter::frames() const { return impl_->count; }

std::vector<std::string> writable_codecs() {
  silence_libav();
  return codecs_at_hand();
}

}  // namespace trecvit::video
