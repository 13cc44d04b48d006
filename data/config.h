// What to read, and how clips are cut and changed: the sections `data` and `augment` of a configuration.
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
  std::string sampling = "dense";
  std::string short_clip = "repeat_last";
  std::int64_t size = 224;
  std::int64_t workers = 2;
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
    v("sampling", self.sampling, "dense: frames `stride` apart | uniform: one frame from each of T equal segments");
    v("short_clip", self.short_clip,
      "dense sampling of a video with too few frames: repeat_last | loop | stretch (spread over the video)");
    v("size", self.size, "side of the square picture the model sees, pixels, 8..2048");
    v("workers", self.workers, "threads that decode, 0..256; 0 decodes in the caller's thread, with the same result");
    v("deadline_s", self.deadline_s, "longest time for one video in seconds, above 0; past it the video counts as bad");
    v("max_bad_share", self.max_bad_share, "the run stops when more than this share of the videos is bad, 0..1");
  }
};

struct AugmentConfig {
  bool enabled = true;
  double scale_min = 0.875;
  double scale_max = 1.33;
  std::string flip = "auto";
  double brightness = 0;
  double contrast = 0;

  void check() const;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v("enabled", self.enabled, "false: training sees the centre crop, unchanged");
    v("scale_min", self.scale_min,
      "least scale jitter, 0.875..scale_max; 1 resizes the short side to 8/7 of data.size, 0.875 to data.size");
    v("scale_max", self.scale_max, "largest scale jitter, scale_min..4; the crop is taken at a random place");
    v("flip", self.flip,
      "none | auto: half of the clips are mirrored, and labels that name left or right change with them");
    v("brightness", self.brightness, "most added or taken from a clip's brightness, as a share of white, 0..1");
    v("contrast", self.contrast, "a clip's contrast is multiplied by 1 - this .. 1 + this, 0..1");
  }
};

}  // namespace trecvit
