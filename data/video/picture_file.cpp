#include "data/video/picture_file.h"

#include <new>

#include "core/error.h"
#include "core/file.h"
#include "data/video/libav.h"
#include "data/video/rgb_input.h"

namespace trecvit::video {

std::string encode_picture(PictureType type, std::span<const std::uint8_t> rgb, int width, int height) {
  silence_libav();
  const bool png = type == PictureType::kPng;
  const char* name = png ? "PNG" : "JPEG";
  const AVCodec* encoder = avcodec_find_encoder(png ? AV_CODEC_ID_PNG : AV_CODEC_ID_MJPEG);
  if (!encoder) throw Error("FFmpeg on this machine has no encoder for ", name, " pictures");
  Handle<AVCodecContext> codec(avcodec_alloc_context3(encoder));
  if (!codec) throw std::bad_alloc();
  codec->width = width;
  codec->height = height;
  codec->pix_fmt = png ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_YUVJ444P;
  codec->time_base = {1, 25};
  codec->thread_count = 1;
  codec->flags |= AV_CODEC_FLAG_BITEXACT | (png ? 0 : AV_CODEC_FLAG_QSCALE);
  codec->global_quality = 2 * FF_QP2LAMBDA;
  RgbInput input(width, height, width, height, codec->pix_fmt);
  AVFrame& frame = input.convert(rgb);
  frame.quality = codec->global_quality;
  Handle<AVPacket> packet = new_packet();
  int code = avcodec_open2(codec.get(), encoder, nullptr);
  if (code >= 0) code = avcodec_send_frame(codec.get(), &frame);
  if (code >= 0) code = avcodec_send_frame(codec.get(), nullptr);
  if (code >= 0) code = avcodec_receive_packet(codec.get(), packet.get());
  if (code < 0) {
    throw Error("a picture of ", width, " x ", height, " pixels cannot be encoded as ", name, " (", libav_text(code),
                ")");
  }
  return {reinterpret_cast<const char*>(packet->data), static_cast<std::size_t>(packet->size)};
}

void write_picture(const std::filesystem::path& path, std::span<const std::uint8_t> rgb, int width, int height) {
  const std::string suffix = path.extension().string();
  const bool png = suffix == ".png";
  if (!png && suffix != ".jpg" && suffix != ".jpeg") {
    throw UsageError("picture ", path.string(), " has the suffix \"", suffix, "\"; it must be .png or .jpg");
  }
  write_file(path, encode_picture(png ? PictureType::kPng : PictureType::kJpeg, rgb, width, height));
}

}  // namespace trecvit::video
