#include "config/data.h"

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
  require(fps >= 0 && fps <= 1000, "data.fps", fps, "between 0 and 1000 frames per second");
  require(among(sampling, {"dense", "uniform"}), "data.sampling", sampling, "dense or uniform");
  require(among(short_clip, {"repeat_last", "loop", "stretch"}), "data.short_clip", short_clip,
          "repeat_last, loop or stretch");
  require(size >= 8 && size <= 2048, "data.size", size, "between 8 and 2048 pixels");
  require(workers >= 0 && workers <= 256, "data.workers", workers, "between 0 and 256");
  require(among(convert, {"auto", "cpu", "gpu"}), "data.convert", convert, "auto, cpu or gpu");
  require(deadline_s > 0, "data.deadline_s", deadline_s, "above 0 seconds");
  require(max_bad_share >= 0 && max_bad_share <= 1, "data.max_bad_share", max_bad_share, "between 0 and 1");
}

void AugmentConfig::check() const {
  const auto share = [](const char* key, double value) {
    require(value >= 0 && value <= 1, key, value, "between 0 and 1");
  };
  require(repeats >= 1 && repeats <= 64, "augment.repeats", repeats, "between 1 and 64");
  require(among(crop, {"jitter", "resized", "multi_scale"}), "augment.crop", crop, "jitter, resized or multi_scale");
  require(scale_min >= 0.875 && scale_min <= scale_max, "augment.scale_min", scale_min,
          "between 0.875 and augment.scale_max");
  require(scale_max <= 4, "augment.scale_max", scale_max, "at most 4");
  require(area_min > 0 && area_min <= 1, "augment.area_min", area_min, "above 0 and at most 1");
  require(aspect_max >= 1 && aspect_max <= 10, "augment.aspect_max", aspect_max, "between 1 and 10");
  require(among(flip, {"none", "auto"}), "augment.flip", flip, "none or auto");
  share("augment.brightness", brightness);
  share("augment.contrast", contrast);
  share("augment.saturation", saturation);
  require(hue >= 0 && hue <= 0.5, "augment.hue", hue, "between 0 and 0.5 turns");
  share("augment.grey", grey);
  require(rand_augment >= 0 && rand_augment <= 16, "augment.rand_augment", rand_augment, "between 0 and 16");
  require(rand_magnitude >= 0 && rand_magnitude <= 10, "augment.rand_magnitude", rand_magnitude, "between 0 and 10");
  require(rand_std >= 0 && rand_std <= 10, "augment.rand_std", rand_std, "between 0 and 10");
  share("augment.rand_prob", rand_prob);
  share("augment.erase", erase);
  require(mixup >= 0 && mixup <= 100, "augment.mixup", mixup, "between 0 and 100");
  require(cutmix >= 0 && cutmix <= 100, "augment.cutmix", cutmix, "between 0 and 100");
  share("augment.mix_prob", mix_prob);
}

}  // namespace trecvit
