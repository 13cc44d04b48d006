#include "config/train.h"

namespace trecvit {
namespace {

template <class T>
void within(const char* key, T value, T low, T high) {
  if (!(value >= low && value <= high)) throw UsageError(key, " is ", value, "; it must be ", low, "..", high);
}

}  // namespace

void Config::finish() {
  model.resolve(data.size);
  model.check();
  data.check();
  // Clips are squares; a picture of another shape could only come from elsewhere.
  for (const auto& [key, pixels] : {std::pair{"height", model.image_height}, std::pair{"width", model.image_width}})
    if (pixels != data.size)
      throw UsageError("model.image_", key, " is ", pixels, " and data.size is ", data.size,
                       "; clips are squares of data.size pixels, so they must be equal (0 takes data.size)");
  augment.check();
  const TrainConfig& t = train;
  require(t.objective == "classification" || t.objective == "mae", "train.objective", t.objective,
          "classification or mae");
  if (t.objective == "mae") {
    mae.check();
    if (model.patches() < 2)
      throw UsageError("a masked auto-encoder hides patches and needs at least 2; data.size ", data.size,
                       " in patches of ", model.patch, " (model.patch) has one");
  }
  require(t.precision == "fp32" || t.precision == "bf16", "train.precision", t.precision, "fp32 or bf16");
  within<std::int64_t>("train.epochs", t.epochs, 1, 1'000'000);
  within<std::int64_t>("train.max_steps", t.max_steps, 0, 1'000'000'000);
  within<std::int64_t>("train.global_batch", t.global_batch, 1, 1'000'000);
  require(t.global_batch % augment.repeats == 0, "augment.repeats", augment.repeats, "a divisor of train.global_batch");
  require(t.lr > 0 && t.lr <= 10, "train.lr", t.lr, "above 0 and at most 10");
  within("train.min_lr", t.min_lr, 0.0, t.lr);
  within("train.warmup_epochs", t.warmup_epochs, 0.0, 1e6);
  within("train.weight_decay", t.weight_decay, 0.0, 10.0);
  within("train.beta1", t.beta1, 0.0, 0.99999);
  within("train.beta2", t.beta2, 0.0, 0.9999999);
  within("train.clip_norm", t.clip_norm, 0.0, 1e9);
  within("train.label_smoothing", t.label_smoothing, 0.0, 0.9);
  within<std::int64_t>("train.threads", t.threads, 0, 1024);
  within<std::int64_t>("checkpoint.every_steps", checkpoint.every_steps, 0, 1'000'000'000);
  within<std::int64_t>("checkpoint.keep", checkpoint.keep, 1, 1'000'000);
  within<std::int64_t>("eval.every_epochs", eval.every_epochs, 0, 1'000'000);
  within<std::int64_t>("eval.clips", eval.clips, 1, 1000);
  within<std::int64_t>("eval.crops", eval.crops, 1, 3);
  within<std::int64_t>("log.every_steps", log.every_steps, 1, 1'000'000);
}

}  // namespace trecvit
