// Which videos to read, and how clips are cut and augmented: the sections `data` and `augment` of a configuration.
#pragma once

#include <cstdint>
#include <string>

#include "core/config.h"

namespace trecvit {

struct DataConfig {
  std::string root;
  std::string format = "auto";
  std::string train_split = "train";
  std::string val_split = "validation";
  std::int64_t frames = 32;
  std::int64_t stride = 2;
  double fps = 0;
  std::string sampling = "dense";
  std::string short_clip = "repeat_last";
  std::int64_t size = 224;
  std::int64_t workers = 2;
  std::string convert = "auto";
  double deadline_s = 30;
  double max_bad_share = 0.1;

  // UsageError naming the key, its value and the rule.
  void check() const;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v("root", self.root, "folder of the data set, as its publisher lays it out, or a list file");
    v("format", self.format, "auto | ssv2 | kinetics | ucf101 | hmdb51 | folder | list | jsonl");
    v("train_split", self.train_split, "name of the split to train on");
    v("val_split", self.val_split, "name of the split to evaluate on; val, validation and validate are the same");
    v("frames", self.frames, "frames of a clip (T), 1..4096");
    v("stride", self.stride, "dense sampling: every n-th frame of the video, 1..1024");
    v("fps", self.fps,
      "clips count this many frames a second, whatever the video's own rate, 0..1000; 0: the frames that there are");
    v("sampling", self.sampling, "dense: frames `stride` apart | uniform: one frame from each of T equal segments");
    v("short_clip", self.short_clip,
      "dense sampling of a video with too few frames: repeat_last | loop | stretch (spread over the video)");
    v("size", self.size, "side of the square picture the model sees, pixels, 8..2048");
    v("workers", self.workers, "threads that decode, 0..256; 0 decodes in the caller's thread, with the same result");
    v("convert", self.convert,
      "where kept frames become RGB: cpu, in the threads that decode | gpu, from the decoded planes, within one level "
      "of "
      "the other | auto: gpu where there is one. Where augment changes colours or erases, training needs cpu and takes "
      "it");
    v("deadline_s", self.deadline_s, "longest time for one video in seconds, above 0; past it the video counts as bad");
    v("max_bad_share", self.max_bad_share,
      "training stops when more than this share of the last videos (an epoch's, at most 4096) is bad, or all, 0..1");
  }
};

struct AugmentConfig {
  bool enabled = true;
  std::int64_t repeats = 1;
  std::string crop = "jitter";
  double scale_min = 0.875;
  double scale_max = 1.33;
  double area_min = 0.08;
  double aspect_max = 1.3333;
  std::string flip = "auto";
  double brightness = 0;
  double contrast = 0;
  double saturation = 0;
  double hue = 0;
  double grey = 0;
  std::int64_t rand_augment = 0;
  double rand_magnitude = 7;
  double rand_std = 0.5;
  double rand_prob = 0.5;
  double erase = 0;
  double mixup = 0;
  double cutmix = 0;
  double mix_prob = 1;

  void check() const;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v("enabled", self.enabled, "false: training sees the centre crop, unchanged, and clips are not mixed");
    v("repeats", self.repeats,
      "clips that training cuts from each video it decodes, each changed on its own, 1..64; divides the batch");
    v("crop", self.crop,
      "jitter: a square by scale_min..scale_max | resized: by area and aspect, stretched to a square | multi_scale: "
      "sides of 1, .875, .75, .66 of the short side at one of 13 places");
    v("scale_min", self.scale_min,
      "crop jitter: least scale, 0.875..scale_max; 1 resizes the short side to 8/7 of data.size, 0.875 to data.size");
    v("scale_max", self.scale_max, "crop jitter: largest scale, scale_min..4; the crop is taken at a random place");
    v("area_min", self.area_min, "crop resized: least share of the picture's area, above 0 and at most 1");
    v("aspect_max", self.aspect_max, "crop resized: width over height is 1 / this .. this, 1..10");
    v("flip", self.flip,
      "none | auto: half of the clips are mirrored, and labels that name left or right change with them");
    v("brightness", self.brightness, "most added or taken from a clip's brightness, as a share of white, 0..1");
    v("contrast", self.contrast, "a clip's contrast is multiplied by 1 - this .. 1 + this, 0..1");
    v("saturation", self.saturation, "a clip's distance from grey is multiplied by 1 - this .. 1 + this, 0..1");
    v("hue", self.hue, "a clip's hues turn by at most this share of a whole turn, 0..0.5");
    v("grey", self.grey, "share of the clips that lose their colour, 0..1");
    v("rand_augment", self.rand_augment, "RandAugment: operations drawn per clip out of 15, 0..16; 0: none");
    v("rand_magnitude", self.rand_magnitude, "RandAugment: mean strength of an operation, 0..10");
    v("rand_std", self.rand_std, "RandAugment: standard deviation of the strength, 0..10");
    v("rand_prob", self.rand_prob, "RandAugment: probability that a drawn operation is carried out, 0..1");
    v("erase", self.erase, "share of the clips in which a rectangle, the same in all frames, becomes noise, 0..1");
    v("mixup", self.mixup, "alpha of mixup, which adds pairs of clips and their labels, 0..100; 0: none");
    v("cutmix", self.cutmix, "alpha of cutmix, which exchanges a rectangle of a pair, 0..100; 0: none");
    v("mix_prob", self.mix_prob, "share of the batches that are mixed; with both alphas, half of them by each, 0..1");
  }
};

}  // namespace trecvit
