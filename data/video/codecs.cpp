#include "data/video/codecs.h"

#include <algorithm>

#include "core/error.h"

namespace trecvit::video {
namespace {

// In the order of preference of "auto".
constexpr CodecRecipe kRecipes[] = {
    {.codec = "h264",
     .encoder = "libx264",
     .id = AV_CODEC_ID_H264,
     .format = AV_PIX_FMT_YUV420P,
     .worst_quality = 51,
     .default_quality = 20,
     .even_sides = true},
    {.codec = "vp9",
     .encoder = "libvpx-vp9",
     .id = AV_CODEC_ID_VP9,
     .format = AV_PIX_FMT_YUV420P,
     .worst_quality = 63,
     .default_quality = 30,
     .even_sides = false},
    {.codec = "vp8",
     .encoder = "libvpx",
     .id = AV_CODEC_ID_VP8,
     .format = AV_PIX_FMT_YUV420P,
     .worst_quality = 63,
     .default_quality = 15,
     .even_sides = false},
    {.codec = "mpeg4",
     .encoder = "mpeg4",
     .id = AV_CODEC_ID_MPEG4,
     .format = AV_PIX_FMT_YUV420P,
     .worst_quality = 31,
     .default_quality = 3,
     .even_sides = false},
    {.codec = "mjpeg",
     .encoder = "mjpeg",
     .id = AV_CODEC_ID_MJPEG,
     .format = AV_PIX_FMT_YUVJ420P,
     .worst_quality = 31,
     .default_quality = 3,
     .even_sides = false},
    {.codec = "ffv1",
     .encoder = "ffv1",
     .id = AV_CODEC_ID_FFV1,
     .format = AV_PIX_FMT_BGR0,
     .worst_quality = 0,
     .default_quality = 0,
     .even_sides = false},
};

bool holds(const AVOutputFormat& container, const CodecRecipe& recipe) {
  // B-frames of H.264 need presentation times, which .avi lacks.
  if (recipe.id == AV_CODEC_ID_H264 && std::string(container.name) == "avi") return false;
  return avformat_query_codec(&container, recipe.id, FF_COMPLIANCE_NORMAL) == 1;
}

std::string join(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
  return all.empty() ? "none" : all;
}

// Codecs that the container can hold and FFmpeg can write.
std::vector<const CodecRecipe*> usable(const AVOutputFormat& container, const HasEncoder& has) {
  std::vector<const CodecRecipe*> found;
  for (const CodecRecipe& recipe : kRecipes) {
    if (holds(container, recipe) && has(recipe.encoder)) found.push_back(&recipe);
  }
  return found;
}

std::vector<std::string> names(const std::vector<const CodecRecipe*>& recipes) {
  std::vector<std::string> words;
  for (const CodecRecipe* recipe : recipes) words.emplace_back(recipe->codec);
  return words;
}

}  // namespace

bool libav_has_encoder(const char* encoder) { return avcodec_find_encoder_by_name(encoder) != nullptr; }

const CodecRecipe& choose_codec(const std::string& codec, const AVOutputFormat& container, const std::string& suffix,
                                const HasEncoder& has) {
  const std::vector<const CodecRecipe*> possible = usable(container, has);
  if (codec == "auto") {
    if (!possible.empty()) return *possible.front();
    throw Error("FFmpeg on this machine has no encoder for a ", suffix,
                " file; it can encode: ", join(codecs_at_hand(has)));
  }
  for (const CodecRecipe& recipe : kRecipes) {
    if (codec != recipe.codec) continue;
    if (!has(recipe.encoder)) {
      throw Error("FFmpeg on this machine has no encoder ", recipe.encoder, " for ", codec,
                  "; it can encode: ", join(codecs_at_hand(has)));
    }
    if (!holds(container, recipe)) {
      throw UsageError("a ", suffix, " file cannot hold ", codec, "; it can hold: ", join(names(possible)));
    }
    return recipe;
  }
  throw UsageError("codec is ", codec, "; it must be vp9, vp8, h264, mpeg4, mjpeg, ffv1 or auto");
}

std::vector<std::string> codecs_at_hand(const HasEncoder& has) {
  std::vector<std::string> words;
  for (const CodecRecipe& recipe : kRecipes) {
    if (has(recipe.encoder)) words.emplace_back(recipe.codec);
  }
  return words;
}

const AVOutputFormat& container_of(const std::filesystem::path& path) {
  const std::string suffix = path.extension().string();
  // Guessing by name alone finds containers for pictures and sound too.
  constexpr const char* kSuffixes[] = {".webm", ".mp4", ".mkv", ".avi"};
  const bool known =
      std::any_of(std::begin(kSuffixes), std::end(kSuffixes), [&](const char* s) { return suffix == s; });
  const AVOutputFormat* container = known ? av_guess_format(nullptr, path.filename().c_str(), nullptr) : nullptr;
  if (known && !container) throw Error("FFmpeg on this machine cannot write ", suffix, " files");
  if (!container) {
    throw UsageError("video ", path.string(), " has no suffix that names a container; use .webm, .mp4, .mkv or .avi");
  }
  return *container;
}

void set_quality(const CodecRecipe& recipe, int quality, AVCodecContext& context, AVDictionary** options) {
  if (recipe.worst_quality > 0 && (quality < 0 || quality > recipe.worst_quality)) {
    throw UsageError("quality is ", quality, "; for ", recipe.codec, " it must be between 0 and ",
                     recipe.worst_quality);
  }
  switch (recipe.id) {
    case AV_CODEC_ID_VP9:
    case AV_CODEC_ID_VP8:
      av_dict_set_int(options, "crf", quality, 0);
      // VP8 knows constrained quality only.
      av_dict_set(options, "b", recipe.id == AV_CODEC_ID_VP9 ? "0" : "10M", 0);
      av_dict_set(options, "deadline", "realtime", 0);
      av_dict_set(options, "cpu-used", "8", 0);
      if (recipe.id == AV_CODEC_ID_VP9) av_dict_set(options, "row-mt", "0", 0);
      break;
    case AV_CODEC_ID_H264:
      av_dict_set(options, "preset", "veryfast", 0);
      av_dict_set_int(options, "crf", quality, 0);
      av_dict_set(options, "bf", "2", 0);
      // Same bytes on every processor; without it x264 differs from run to run on some with AVX-512.
      av_dict_set(options, "x264-params", "cpu-independent=1", 0);
      break;
    case AV_CODEC_ID_MPEG4:
    case AV_CODEC_ID_MJPEG:
      context.flags |= AV_CODEC_FLAG_QSCALE;
      context.global_quality = FF_QP2LAMBDA * std::max(1, quality);
      if (recipe.id == AV_CODEC_ID_MPEG4) context.max_b_frames = 1;
      break;
    default:
      break;  // ffv1 is lossless
  }
}

}  // namespace trecvit::video
