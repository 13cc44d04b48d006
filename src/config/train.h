// Everything a run is told: the whole configuration, section by section. docs: `trecvit config show`.
#pragma once

#include <cstdint>
#include <string>

#include "config/data.h"
#include "config/model.h"

namespace trecvit {

struct TrainConfig {
  std::string objective = "classification";
  std::int64_t epochs = 30;
  std::int64_t max_steps = 0;
  std::int64_t global_batch = 64;
  double lr = 1e-4;
  double min_lr = 0;
  double warmup_epochs = 2.5;
  double weight_decay = 0.03;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double clip_norm = 1;
  double label_smoothing = 0.1;
  std::string precision = "fp32";
  std::string device = "auto";
  std::int64_t threads = 0;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v("objective", self.objective, "classification | mae (masked auto-encoding; what `pretrain` sets)");
    v("epochs", self.epochs, "passes over the training split");
    v("max_steps", self.max_steps, "optimizer steps; 0: as the epochs give");
    v("global_batch", self.global_batch, "clips per optimizer step");
    v("lr", self.lr, "peak learning rate of AdamW");
    v("min_lr", self.min_lr, "learning rate at the end of the cosine");
    v("warmup_epochs", self.warmup_epochs, "epochs of linear warm-up from 0");
    v("weight_decay", self.weight_decay, "decoupled; not on biases, norms, a_param, positions");
    v("beta1", self.beta1, "decay of the mean of the gradients, 0..1");
    v("beta2", self.beta2, "decay of the mean of the squares, 0..1");
    v("clip_norm", self.clip_norm, "largest global norm of the gradient; 0: no clipping");
    v("label_smoothing", self.label_smoothing, "0..0.9");
    v("precision", self.precision, "fp32 | bf16 (recurrence, gates, norms' statistics and accumulation stay fp32)");
    v("device", self.device, "auto | cpu | cuda:0; auto is the first GPU when there is one");
    v("threads", self.threads, "CPU threads of the computation; 0: all cores");
  }
};

struct CheckpointConfig {
  std::int64_t every_steps = 0;
  std::int64_t keep = 2;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v("every_steps", self.every_steps, "0: at the end of every epoch; steps that are evaluated are saved in any case");
    v("keep", self.keep, "how many of the newest step folders stay");
  }
};

struct EvalConfig {
  std::int64_t every_epochs = 1;
  std::int64_t clips = 1;
  std::int64_t crops = 1;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v("every_epochs", self.every_epochs, "evaluate on data.val_split after so many epochs; 0: only at the end");
    v("clips", self.clips, "temporal clips per video in evaluation");
    v("crops", self.crops, "spatial crops per video in evaluation");
  }
};

struct LogConfig {
  std::int64_t every_steps = 1;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v("every_steps", self.every_steps, "a line of train.jsonl per so many steps");
  }
};

struct Config {
  std::int64_t seed = 0;
  ModelConfig model;
  MaeConfig mae;
  DataConfig data;
  AugmentConfig augment;
  TrainConfig train;
  CheckpointConfig checkpoint;
  EvalConfig eval;
  LogConfig log;

  // Resolves the model against data.size and checks every section. UsageError naming key and value.
  void finish();

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v("seed", self.seed, "same seed, same bits");
    v("model", self.model, "");
    v("mae", self.mae, "");
    v("data", self.data, "");
    v("augment", self.augment, "");
    v("train", self.train, "");
    v("checkpoint", self.checkpoint, "");
    v("eval", self.eval, "");
    v("log", self.log, "");
  }
};

}  // namespace trecvit
