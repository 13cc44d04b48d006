#include "train/checkpoint.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/file.h"
#include "formats/safetensors.h"
#include "train/whole_folder.h"

namespace fs = std::filesystem;

namespace trecvit {
namespace {

constexpr const char* kModel = "model.safetensors";
constexpr const char* kOptimizer = "optimizer.safetensors";
constexpr const char* kState = "state.json";
const std::string kPrefix = "step_";

std::string step_name(std::int64_t step) {
  char name[32];
  std::snprintf(name, sizeof name, "step_%08lld", static_cast<long long>(step));
  return name;
}

// Whether step folder a is of an earlier step than b.
bool before(const std::string& a, const std::string& b) { return std::pair(a.size(), a) < std::pair(b.size(), b); }

bool complete(const fs::path& folder) {
  return fs::exists(folder / kModel) && fs::exists(folder / kOptimizer) && fs::exists(folder / kState);
}

// The complete ones by name, in the order of their steps.
std::vector<std::string> step_folders(const fs::path& folder) {
  std::vector<std::string> found;
  if (!fs::is_directory(folder)) return found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_symlink() && name.starts_with(kPrefix) && name.find('.') == std::string::npos &&
        complete(entry.path()))
      found.push_back(name);
  }
  std::sort(found.begin(), found.end(), before);
  return found;
}

// The target of the link `name`, whether it exists or not; empty without a link.
std::string target_of(const fs::path& link) {
  return fs::is_symlink(link) ? fs::read_symlink(link).filename().string() : std::string();
}

void point(const fs::path& link, const std::string& name) {
  if (target_of(link) != name) point_link(link, name);
}

// std::filesystem's failures are the disk's, not ours.
template <class F>
auto on_disk(const fs::path& folder, F&& work) {
  try {
    return work();
  } catch (const fs::filesystem_error& failure) {
    throw Error("cannot keep checkpoints in ", folder.string(), ": ", failure.code().message(), " at ",
                failure.path1().string(), "; what was saved before is untouched");
  }
}

void write_state(const fs::path& file, const TrainProgress& progress) {
  write_file(file, nlohmann::ordered_json{{"step", progress.step},
                                          {"batch", progress.batch},
                                          {"seconds", progress.seconds},
                                          {"best_top1", progress.best_top1},
                                          {"best_step", progress.best_step},
                                          {"evaluated_step", progress.evaluated_step},
                                          {"bad_videos", progress.bad_videos},
                                          {"recent_bad", progress.recent_bad}}
                           .dump(2) +
                       "\n");
}

TrainProgress read_state(const fs::path& file) {
  constexpr std::int64_t kMost = 1'000'000'000'000'000;
  TrainProgress progress;
  try {
    const auto state = nlohmann::json::parse(read_file(file));
    progress.step = state.at("step").get<std::int64_t>();
    progress.batch = state.value("batch", progress.step);
    progress.seconds = state.at("seconds").get<double>();
    progress.best_top1 = state.at("best_top1").get<double>();
    progress.best_step = state.at("best_step").get<std::int64_t>();
    // Files without this key were written after their evaluation.
    progress.evaluated_step = state.value("evaluated_step", progress.step);
    progress.bad_videos = state.at("bad_videos").get<std::int64_t>();
    progress.recent_bad = state.value("recent_bad", std::vector<std::int64_t>());
  } catch (const nlohmann::json::exception& failure) {
    throw Error(file.string(), " is damaged: ", failure.what());
  }
  if (progress.step < 0 || progress.batch < progress.step || progress.batch > kMost)
    throw Error(file.string(), " is damaged: step ", progress.step, " after ", progress.batch, " batches");
  return progress;
}

}  // namespace

void Checkpoints::mend() const {
  on_disk(folder_, [&] { mend_after_kill(folder_, kPrefix); });
}

fs::path Checkpoints::newest() const {
  return on_disk(folder_, [&]() -> fs::path {
    if (complete(folder_ / "last")) return fs::canonical(folder_ / "last");
    const auto folders = step_folders(folder_);
    return folders.empty() ? fs::path() : folder_ / folders.back();
  });
}

TrainProgress Checkpoints::load(const fs::path& checkpoint, nn::ParameterStore& store, AdamW& optimizer) {
  const TrainProgress progress = read_state(checkpoint / kState);
  const Safetensors model = read_safetensors(checkpoint / kModel);
  load_parameters(store, model.arrays, (checkpoint / kModel).string());
  const fs::path moments_file = checkpoint / kOptimizer;
  const Safetensors moments = read_safetensors(moments_file);
  for (const auto& [prefix, into] :
       {std::pair{std::string("mean/"), optimizer.mean}, std::pair{std::string("square/"), optimizer.square}}) {
    NamedArrays part;
    for (const auto& [name, array] : moments.arrays)
      if (name.rfind(prefix, 0) == 0) part[name.substr(prefix.size())] = array;
    fill_flat(store, part, moments_file.string(), into);
  }
  optimizer.steps = progress.step;
  return progress;
}

void Checkpoints::go_on(const fs::path& from, TrainProgress& progress) const {
  on_disk(folder_, [&] {
    const std::string name = step_name(progress.step), best = step_name(progress.best_step);
    const bool own = fs::weakly_canonical(from) == fs::weakly_canonical(folder_ / name);
    if (own && !complete(folder_ / "last")) point(folder_ / "last", name);
    if (own && progress.best_step >= 0 && complete(folder_ / best)) {
      point(folder_ / "best", best);
    } else {
      progress.best_step = -1;
      progress.best_top1 = -1;
    }
    if (own) prune(progress.step);
  });
}

void Checkpoints::save(const nn::ParameterStore& store, const AdamW& optimizer, const TrainProgress& progress,
                       const ModelConfig& config, const std::vector<std::string>& labels,
                       const Preprocessing& preprocessing) const {
  ensure(optimizer.steps == progress.step, "the optimizer is at step ", optimizer.steps, ", the run at ",
         progress.step);
  const std::string name = step_name(progress.step);
  const fs::path folder = folder_ / name, aside = aside_of(folder);
  make_folders(folder_);
  sync_folder(folder_.parent_path());
  try {
    on_disk(folder_, [&] {
      fs::remove_all(aside);
      make_folders(aside);
      write_model(aside / kModel, parameter_arrays(store), config, labels, preprocessing);
      NamedArrays moments;
      for (auto& [key, array] : arrays_of(store, optimizer.mean)) moments["mean/" + key] = array;
      for (auto& [key, array] : arrays_of(store, optimizer.square)) moments["square/" + key] = array;
      write_safetensors(aside / kOptimizer, moments);
      write_state(aside / kState, progress);
      // A kill between folder and link: the next run still goes on from this step.
      if (!fs::exists(folder)) prepare_link(folder_ / "last", name);
      put_in_place(folder);
      point(folder_ / "last", name);
      prune(progress.step);
    });
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(aside, ignored);
    throw;
  }
}

void Checkpoints::record(const TrainProgress& progress) const {
  const std::string name = step_name(progress.step);
  on_disk(folder_, [&] {
    write_state(folder_ / name / kState, progress);
    if (progress.best_step == progress.step) point(folder_ / "best", name);
    prune(progress.step);
  });
}

// Steps beyond this one are of a run that was taken up again earlier; they stay until they are written again.
void Checkpoints::prune(std::int64_t step) const {
  std::vector<std::string> folders = step_folders(folder_);
  std::erase_if(folders, [now = step_name(step)](const std::string& name) { return before(now, name); });
  const std::string last = target_of(folder_ / "last"), best = target_of(folder_ / "best");
  for (std::size_t i = 0; i + static_cast<std::size_t>(keep_) < folders.size(); ++i)
    if (folders[i] != last && folders[i] != best) remove_whole(folder_ / folders[i]);
}

}  // namespace trecvit
