#include "data/config.h"

#include <algorithm>
#include <initializer_list>

namespace trecvit {
namespace {

bool among(const std::string& value, std::initializer_list<const char*> choices) {
  return std::any_of(choices.begin(), choices.end(), [&](const char* choice) { return value == choice; });
}

}  // namespace

void DataConfig::check() const {
  require(among(format, {"auto", "ssv2", "kinetics", "ucf101", "hmdb51", "folder", "list", "jsonl"}), "data.format",
          format, "auto, ssv2, kinetics, ucf101, hmdb51, folder, list or jsonl");
  require(!train_split.empty(), "data.train_split", "\"\"", "the name of a split");
  require(!val_split.empty(), "data.val_split", "\"\"", "the name of a split");
  require(frames >= 1 && frames <= 4096, "data.frames", frames, "between 1 and 4096");
  require(stride >= 1 && stride <= 1024, "data.stride", stride, "between 1 and 1024");
  require(among(sampling, {"dense", "uniform"}), "data.sampling", sampling, "dense or uniform");
  require(among(short_clip, {"repeat_last", "loop", "stretch"}), "data.short_clip", short_clip,
          "repeat_last, loop or stretch");
  require(size >= 8 && size <= 2048, "data.size", size, "between 8 and 2048 pixels");
  require(workers >= 0 && workers <= 256, "data.workers", workers, "between 0 and 256");
  require(deadline_s > 0, "data.deadline_s", deadline_s, "above 0 seconds");
  require(max_bad_share >= 0 && max_bad_share <= 1, "data.max_bad_share", max_bad_share, "between 0 and 1");
}

void AugmentConfig::check() const {
  require(scale_min >= 0.875 && scale_min <= scale_max, "augment.scale_min", scale_min,
          "between 0.875 and augment.scale_max");
  require(scale_max <= 4, "augment.scale_max", scale_max, "at most 4");
  require(among(flip, {"none", "auto"}), "augment.flip", flip, "none or auto");
  require(brightness >= 0 && brightness <= 1, "augment.brightness", brightness, "between 0 and 1");
  require(contrast >= 0 && contrast <= 1, "augment.contrast", contrast, "between 0 and 1");
}

}  // namespace trecvit
