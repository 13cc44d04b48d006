#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/clock.h"
#include "core/error.h"
#include "core/log.h"
#include "data/datasets/check.h"
#include "data/datasets/label_index.h"
#include "runtime/device.h"
#include "infer/evaluate.h"
#include "runtime/gpu_use.h"
#include "runtime/transfer.h"
#include "train/checkpoint.h"
#include "train/objective.h"
#include "train/run_folder.h"
#include "train/schedule.h"

namespace fs = std::filesystem;

namespace trecvit {
namespace {

using at::Tensor;

// Thrown out of an evaluation that was asked to stop.
struct Stopped {};

// JSON has no NaN; three more digits than a float needs tell equal losses from nearly equal ones.
nlohmann::json number(double value) { return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr); }

class Run {
 public:
  Run(const TrainRequest& request, const std::atomic<bool>& stop)
      : request_(request),
        config_(request.config),
        stop_(stop),
        device_(parse_device(config_.train.device)),
        checkpoints_(request.run_dir / "checkpoints", request.config.checkpoint.keep),
        upload_(device_),
        gpu_use_(device_) {
    make_deterministic();
    if (config_.train.threads > 0) at::set_num_threads(static_cast<int>(config_.train.threads));
    open_data();
    build();
    restore();
  }

  TrainResult operator()();

 private:
  void open_data();
  void build();
  void restore();
  // A step and the batch it was made of, until its loss and gradient norm have come back from the device.
  struct Step {
    ClipBatch batch;
    std::int64_t number = 0;  // from 0
    std::int64_t bad = 0;     // videos that could not be read, also of batches before it that held no other
    Readback numbers;
    double seconds = 0;  // of the round of the loop that launched it
    bool pending = false;
  };
  // The steps of one line of the log.
  struct Window {
    double seconds = 0, waited = 0;
    std::int64_t clips = 0;
  };
  bool fetch(Step& step);
  void launch(Step& step);
  void settle(Step& step);
  void settle_alone(Step& step);
  void lap(Step& step);
  void check_finite(Step& step, double norm);
  void log(const Step& step);
  bool evaluation_due() const;
  bool save_due() const;
  void evaluate_now();
  bool evaluate_classes();
  void draw_picture();
  void save();
  Preprocessing preprocessing() const;

  const TrainRequest& request_;
  Config config_;
  const std::atomic<bool>& stop_;
  at::Device device_;
  Dataset train_set_, val_set_;
  nn::ParameterStore store_;
  std::unique_ptr<TRecViT> net_;
  std::unique_ptr<Objective> objective_;
  std::unique_ptr<AdamW> optimizer_;
  std::unique_ptr<Loader> loader_;
  std::unique_ptr<RunFolder> folder_;
  Checkpoints checkpoints_;
  Upload upload_;
  GpuUse gpu_use_;
  Step steps_[2];  // one on the device, one being prepared or looked at
  std::int64_t total_ = 0, per_epoch_ = 0;
  Schedule schedule_;
  TrainProgress progress_;
  std::int64_t saved_step_ = -1;  // of `last`
  TrainResult result_;
  double grad_norm_ = 0, waited_ = 0, trained_ = 0, spent_ = 0;
  double lap_began_ = 0;
  Window window_;
};

bool is_classification(const Config& config) { return config.train.objective == "classification"; }

// A classifier that knows other classes, or these in another order, would start with every answer wrong.
void check_classes(const ModelFile& file, const Dataset& data) {
  for (std::size_t i = 0; i < std::min(file.labels.size(), data.labels.size()); ++i)
    if (normalised(file.labels[i]) != normalised(data.labels[i]))
      throw UsageError(file.path.string(), " has the class '", file.labels[i], "' as number ", i, " where ",
                       data.root.string(), " has '", data.labels[i],
                       "'; --new-head starts the classifier anew and takes the rest");
}

void Run::open_data() {
  train_set_ = open_dataset(config_.data, config_.data.train_split);
  if (request_.overfit > 0 && static_cast<std::int64_t>(train_set_.samples.size()) > request_.overfit)
    train_set_.samples.resize(static_cast<std::size_t>(request_.overfit));
  if (is_classification(config_)) {
    val_set_ = request_.overfit > 0 ? train_set_ : open_dataset(config_.data, config_.data.val_split);
    // One list without a split in its name serves as both.
    if (const std::int64_t shared = request_.overfit > 0 ? 0 : count_shared(train_set_, val_set_); shared > 0)
      log_warning(text(shared, " of the ", val_set_.samples.size(), " videos of the split ", val_set_.split,
                       " are in the split ", train_set_.split,
                       " too: its accuracy says little about new videos; lists are told apart by names such as train.txt "
                       "and val.txt"));
    const auto classes = static_cast<std::int64_t>(train_set_.labels.size());
    if (config_.model.classes == 0) config_.model.classes = classes;
    if (config_.model.classes != classes)
      throw UsageError("model.classes is ", config_.model.classes, "; the data set in ", config_.data.root, " has ",
                       classes, " classes");
    for (const auto& sample : train_set_.samples)
      if (sample.label < 0)
        throw Error("video ", sample.id, " of split ", train_set_.split,
                    " has no label; training to classify wants one");
  } else {
    config_.model.classes = 0;
  }
  if (request_.overfit > 0) config_.augment.enabled = false;
}

void Run::build() {
  net_ = std::make_unique<TRecViT>(store_, config_.model);
  net_->set_dtype(parse_precision(config_.train.precision));
  objective_ = is_classification(config_) ? make_classification(*net_, config_) : make_masked(store_, *net_, config_);
  store_.allocate(device_);
  store_.initialise(static_cast<std::uint64_t>(config_.seed));
  optimizer_ = std::make_unique<AdamW>(
      store_.flat(), store_.decayed_count(),
      AdamWOptions{
          .beta1 = config_.train.beta1, .beta2 = config_.train.beta2, .weight_decay = config_.train.weight_decay});
  result_.parameters = store_.count();
}

void Run::restore() {
  fs::path from;
  if (!request_.dry_run) checkpoints_.mend();
  const fs::path newest = checkpoints_.newest();
  if (request_.resume == "auto") {
    from = newest;
  } else if (request_.resume == "none") {
    if (!request_.dry_run && !newest.empty())
      throw UsageError(request_.run_dir.string(),
                       " already holds a run; continue it with --resume auto, or choose another --run-dir");
  } else {
    from = request_.resume;
    if (!fs::exists(from / "state.json"))
      throw Error("no checkpoint at ", from.string(), "; a folder with state.json is wanted");
  }
  if (!from.empty() && !request_.dry_run) {
    progress_ = Checkpoints::load(from, store_, *optimizer_);
    checkpoints_.go_on(from, progress_);
    if (!newest.empty() && fs::weakly_canonical(from) == fs::weakly_canonical(newest)) saved_step_ = progress_.step;
    log_info(text("continuing from ", from.string(), " at step ", progress_.step));
  } else if (!request_.init.empty()) {
    ModelFile file = read_model(request_.init);
    if (request_.new_head) {
      std::erase_if(file.arrays, [](const auto& array) { return array.first.starts_with("decoder/cls_head"); });
    } else if (is_classification(config_)) {
      check_classes(file, train_set_);
    }
    const LoadReport report =
        load_parameters(store_, file.arrays, file.path.string(), {.strict = false, .resize_positions = true});
    log_info(text("weights from ", file.path.string(), ": ", report.loaded.size(), " loaded, ", report.reshaped.size(),
                  " resized, ", report.missing.size(), " left at their start, ", report.unexpected.size(),
                  " not used"));
    if (report.loaded.empty()) throw Error(file.path.string(), " has no array that this model could start from");
  }
  net_->cast_weights();
  const LoaderOptions options{.training = true,
                              .batch = config_.train.global_batch,
                              .seed = static_cast<std::uint64_t>(config_.seed),
                              .augment = config_.augment,
                              .start_batch = progress_.batch,
                              .recent_bad = progress_.recent_bad,
                              .planes = takes_planes(config_.data, device_, config_.augment)};
  loader_ = std::make_unique<Loader>(train_set_, config_.data, options);
  per_epoch_ = loader_->batches_per_epoch();
  total_ = config_.train.max_steps > 0 ? config_.train.max_steps : config_.train.epochs * per_epoch_;
  schedule_ = {.peak = config_.train.lr,
               .least = config_.train.min_lr,
               .warmup = std::min<std::int64_t>(
                   total_ / 2, std::llround(config_.train.warmup_epochs * static_cast<double>(per_epoch_))),
               .total = total_};
  if (request_.dry_run) return;
  folder_ = std::make_unique<RunFolder>(request_.run_dir, progress_.step, !evaluation_due());
  auto rows = config_rows(config_);
  for (auto& row : rows) {
    const auto origin = request_.origins.find(row.key);
    row.comment = origin == request_.origins.end() ? "" : origin->second;
  }
  folder_->write_once(to_yaml(rows),
                      nlohmann::ordered_json{{"torch", TORCH_VERSION},
                                             {"device", device_.str()},
                                             {"threads", at::get_num_threads()},
                                             {"parameters", result_.parameters}}
                              .dump(2) +
                          "\n",
                      train_set_.labels);
}

// The next batch with a video in it; others are no steps. False: to stop before there is one.
bool Run::fetch(Step& step) {
  double waited = 0;
  step.bad = 0;
  do {
    if (stop_) return false;
    loader_->next(step.batch);
    waited += step.batch.wait_s;
    const auto bad = loader_->take_bad();
    step.bad += std::ssize(bad);
    if (folder_) folder_->bad_videos(bad, train_set_, "training", progress_.step + 1);
  } while (step.batch.clips == 0);
  step.batch.wait_s = waited;
  return true;
}

// Enqueues a whole step; nothing here waits for the device.
void Run::launch(Step& step) {
  step.number = progress_.step;
  step.pending = true;
  store_.flat_grad().zero_();
  const Tensor loss = objective_->loss(upload_(step.batch), step.batch, step.number);
  loss.backward();
  const Tensor norm =
      optimizer_->step(store_.flat_grad(), loss.detach(), schedule_.at(step.number), config_.train.clip_norm);
  net_->cast_weights();
  step.numbers.send(loss.detach(), norm);
}

// Waits for a step's numbers, checks and logs them.
void Run::settle(Step& step) {
  if (!step.pending) return;
  step.pending = false;
  std::tie(result_.loss, grad_norm_) = step.numbers.wait();
  check_finite(step, grad_norm_);
  waited_ += step.batch.wait_s;
  window_.seconds += step.seconds, window_.waited += step.batch.wait_s, window_.clips += step.batch.clips;
  if (!request_.dry_run) log(step);
}

// With no step behind it the wait is part of its own time.
void Run::settle_alone(Step& step) {
  if (!step.pending) return;
  step.numbers.wait();
  lap(step);
  settle(step);
}

// The time since the last lap is this step's.
void Run::lap(Step& step) {
  const double now = now_s(), seconds = now - lap_began_;
  lap_began_ = now;
  step.seconds += seconds, spent_ += seconds, trained_ += seconds;
  gpu_use_.sample();
}

// The optimizer has changed nothing since the bad step, so running it again shows where it went bad.
void Run::check_finite(Step& step, double norm) {
  if (std::isfinite(result_.loss) && std::isfinite(norm)) return;
  store_.flat_grad().zero_();
  objective_->loss(upload_(step.batch), step.batch, step.number).backward();
  std::string where = "the loss itself";
  for (const auto& p : store_.all())
    if (!at::isfinite(p.value.grad()).all().item<bool>()) {
      where = "the gradient of " + p.parts.front().name;
      break;
    }
  std::string videos;
  for (std::size_t i = 0; i < step.batch.samples.size() && i < 4; ++i)
    videos += (i ? ", " : "") + train_set_.samples[static_cast<std::size_t>(step.batch.samples[i])].id;
  throw Error("step ", step.number, ": not a finite number first in ", where, ", on videos ", videos,
              ", ...; a lower train.lr or train.clip_norm may help; the last checkpoint is untouched");
}

void Run::log(const Step& step) {
  const std::int64_t done = step.number + 1;
  if (done % config_.log.every_steps != 0) return;
  folder_->train_line(nlohmann::ordered_json{{"step", done},
                                             {"epoch", static_cast<double>(done) / static_cast<double>(per_epoch_)},
                                             {"loss", number(result_.loss)},
                                             {"lr", schedule_.at(step.number)},
                                             {"grad_norm", number(grad_norm_)},
                                             {"clips_per_s", static_cast<double>(window_.clips) / window_.seconds},
                                             {"data_wait", window_.waited / window_.seconds}}
                          .dump());
  window_ = {};
}

bool Run::evaluation_due() const {
  const std::int64_t step = progress_.step, every = config_.eval.every_epochs * per_epoch_;
  if (step == 0 || step == progress_.evaluated_step) return false;
  return step == total_ || (every > 0 && step % every == 0);
}

bool Run::save_due() const {
  const std::int64_t every = config_.checkpoint.every_steps > 0 ? config_.checkpoint.every_steps : per_epoch_;
  return progress_.step == total_ || progress_.step % every == 0;
}

// The step is on disk before it is evaluated: nothing is lost when that takes long, fails or is stopped, and whoever
// goes on with the run makes up for it.
void Run::evaluate_now() {
  if (saved_step_ != progress_.step) save();
  if (is_classification(config_)) {
    if (!evaluate_classes()) return;
  } else {
    draw_picture();
  }
  progress_.evaluated_step = progress_.step;
  checkpoints_.record(progress_);
}

void Run::draw_picture() {
  Loader one(train_set_, config_.data, {.training = false, .batch = 4});
  ClipBatch batch;
  make_folders(request_.run_dir / "reconstructions");
  if (one.next(batch) && batch.clips > 0)
    objective_->picture(upload_(batch), request_.run_dir / "reconstructions" / text("step_", progress_.step, ".png"));
}

// False: stopped.
bool Run::evaluate_classes() {
  EvalReport report;
  try {
    report = evaluate(*net_, device_, val_set_, config_.data,
                      {.clips = config_.eval.clips, .crops = config_.eval.crops}, [&](std::int64_t, std::int64_t) {
                        if (stop_) throw Stopped();
                      });
  } catch (const Stopped&) {
    return false;
  }
  folder_->bad_videos(report.bad, val_set_, "evaluation", progress_.step);
  if (report.n == 0)
    throw Error("none of the ", val_set_.samples.size(), " videos of split ", val_set_.split, " could be evaluated",
                report.bad.empty() ? "" : " (" + report.bad.front().message + ")", "; step ", progress_.step,
                " is saved, and the same command evaluates it again");
  result_.top1 = report.top1;
  if (report.top1 > progress_.best_top1) {
    progress_.best_top1 = report.top1;
    progress_.best_step = progress_.step;
  }
  auto line = nlohmann::ordered_json::parse(summary_json(report));
  line["step"] = progress_.step;
  folder_->metrics_line(line.dump());
  log_info(text("step ", progress_.step, ": validation top-1 ", std::llround(report.top1 * 1000) / 10.0, " % of ",
                report.n, report.missing ? text(", ", report.missing, " missing") : ""));
  return true;
}

void Run::save() {
  progress_.seconds += trained_;
  trained_ = 0;
  // Batches that held no video since the step are read again.
  progress_.recent_bad = loader_->recent_bad();
  std::erase_if(progress_.recent_bad, [&](std::int64_t position) { return position >= progress_.batch; });
  checkpoints_.save(store_, *optimizer_, progress_, config_.model,
                    is_classification(config_) ? train_set_.labels : std::vector<std::string>{}, preprocessing());
  saved_step_ = progress_.step;
}

Preprocessing Run::preprocessing() const {
  const DataConfig& d = config_.data;
  return {.size = d.size,
          .frames = d.frames,
          .stride = d.stride,
          .fps = d.fps,
          .sampling = d.sampling,
          .short_clip = d.short_clip};
}

TrainResult Run::operator()() {
  Progress bar(is_classification(config_) ? "training" : "pre-training", total_);
  const double start_seconds = progress_.seconds;
  if (!request_.dry_run && !stop_ && evaluation_due()) evaluate_now();  // which a kill or a stop kept from its end
  lap_began_ = now_s();
  while (progress_.step < total_) {
    Step &now = steps_[progress_.step % 2], &before = steps_[(progress_.step + 1) % 2];
    now.seconds = 0;
    if (!fetch(now)) break;
    launch(now);
    settle(before);  // while this one computes
    lap(now);
    ++progress_.step;
    progress_.batch = now.batch.position + 1;
    progress_.bad_videos += now.bad;
    if (request_.dry_run) break;
    bar.update(progress_.step, text("loss ", result_.loss));

    const bool evaluates = evaluation_due();
    if (!evaluates && !save_due()) continue;
    settle_alone(now);
    save();
    if (evaluates && !stop_) evaluate_now();
    lap_began_ = now_s();
  }
  for (Step& step : steps_) settle_alone(step);
  bar.finish();
  result_.interrupted = stop_ && (progress_.step < total_ || evaluation_due());
  if (result_.interrupted && saved_step_ != progress_.step && !request_.dry_run) save();
  result_.steps = progress_.step;
  result_.seconds = request_.dry_run ? spent_ : start_seconds + spent_;
  result_.data_wait = spent_ > 0 ? waited_ / spent_ : 0;
  result_.gpu_busy = gpu_use_.share();
  result_.load = loader_->times();
  result_.best_top1 = progress_.best_top1;
  result_.bad_videos = progress_.bad_videos;
  return result_;
}

}  // namespace

TrainResult train(const TrainRequest& request, const std::atomic<bool>& stop) { return Run(request, stop)(); }

}  // namespace trecvit
