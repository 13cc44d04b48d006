extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/avutil.h>
}

#include <opencv2/core/version.hpp>

#include "tools/commands/doctor/doctor.h"

namespace trecvit::tools {

std::vector<Codec> available_codecs() {
  constexpr struct {
    const char* name;
    AVCodecID id;
  } kCodecs[] = {{"vp9", AV_CODEC_ID_VP9},     {"h264", AV_CODEC_ID_H264}, {"hevc", AV_CODEC_ID_HEVC},
                 {"vp8", AV_CODEC_ID_VP8},     {"av1", AV_CODEC_ID_AV1},   {"mpeg4", AV_CODEC_ID_MPEG4},
                 {"mjpeg", AV_CODEC_ID_MJPEG}, {"ffv1", AV_CODEC_ID_FFV1}};
  std::vector<Codec> found;
  for (const auto& codec : kCodecs) {
    found.push_back({.name = codec.name,
                     .decoder = avcodec_find_decoder(codec.id) != nullptr,
                     .encoder = avcodec_find_encoder(codec.id) != nullptr});
  }
  return found;
}

std::string ffmpeg_version() { return av_version_info(); }
std::string opencv_version() { return CV_VERSION; }

}  // namespace trecvit::tools
