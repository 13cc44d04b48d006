#include "train/checkpoint.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/file.h"
#include "formats/safetensors.h"

namespace fs = std::filesystem;

namespace trecvit {
namespace {

std::string step_name(std::int64_t step) {
  char name[32];
  std::snprintf(name, sizeof name, "step_%08lld", static_cast<long long>(step));
  return name;
}

// Replaces a link in one step.
void point(const fs::path& link, const std::string& target) {
  fs::path fresh = link;
  fresh += ".new";
  std::error_code ignored;
  fs::remove(fresh, ignored);
  fs::create_directory_symlink(target, fresh);
  fs::rename(fresh, link);
}

bool complete(const fs::path& folder) { return fs::exists(folder / "state.json"); }

std::vector<fs::path> step_folders(const fs::path& folder) {
  std::vector<fs::path> found;
  if (!fs::is_directory(folder)) return found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_symlink() && name.rfind("step_", 0) == 0 && name.find('.') == std::string::npos && complete(entry.path()))
      found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

void Checkpoints::save(const nn::ParameterStore& store, const AdamW& optimizer, const Progressed& progress,
                       const ModelConfig& config, const std::vector<std::string>& labels,
                       const Preprocessing& preprocessing, std::int64_t keep) const {
  make_folders(folder_);
  const std::string name = step_name(progress.step);
  const fs::path final_folder = folder_ / name, aside = folder_ / (name + ".part");
  try {
    fs::remove_all(aside);
    make_folders(aside);
    write_model(aside / "model.safetensors", parameter_arrays(store), config, labels, preprocessing);
    NamedArrays moments;
    for (auto& [key, array] : arrays_of(store, optimizer.mean)) moments["mean/" + key] = array;
    for (auto& [key, array] : arrays_of(store, optimizer.square)) moments["square/" + key] = array;
    write_safetensors(aside / "optimizer.safetensors", moments);
    write_file(aside / "state.json", nlohmann::ordered_json{{"step", progress.step},
                                                            {"seconds", progress.seconds},
                                                            {"best_top1", progress.best_top1},
                                                            {"best_step", progress.best_step},
                                                            {"bad_videos", progress.bad_videos}}
                                             .dump(2) +
                                         "\n");
    sync_folder(aside);
    fs::remove_all(final_folder);
    fs::rename(aside, final_folder);
    sync_folder(folder_);
    point(folder_ / "last", name);
    if (progress.best_step == progress.step) point(folder_ / "best", name);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(aside, ignored);
    throw;
  }
  const auto folders = step_folders(folder_);
  const std::string best = step_name(progress.best_step);
  for (std::size_t i = 0; i + static_cast<std::size_t>(keep) < folders.size(); ++i)
    if (folders[i].filename() != best && folders[i].filename() != name) fs::remove_all(folders[i]);
}

fs::path Checkpoints::newest() const {
  if (complete(folder_ / "last")) return fs::canonical(folder_ / "last");
  const auto folders = step_folders(folder_);
  return folders.empty() ? fs::path() : folders.back();
}

Progressed Checkpoints::load(const fs::path& checkpoint, nn::ParameterStore& store, AdamW& optimizer) {
  const fs::path state_file = checkpoint / "state.json";
  Progressed progress;
  try {
    const auto state = nlohmann::json::parse(read_file(state_file));
    progress.step = state.at("step").get<std::int64_t>();
    progress.seconds = state.at("seconds").get<double>();
    progress.best_top1 = state.at("best_top1").get<double>();
    progress.best_step = state.at("best_step").get<std::int64_t>();
    progress.bad_videos = state.at("bad_videos").get<std::int64_t>();
  } catch (const nlohmann::json::exception& failure) {
    throw Error(state_file.string(), " is damaged: ", failure.what());
  }
  const Safetensors model = read_safetensors(checkpoint / "model.safetensors");
  load_parameters(store, model.arrays, (checkpoint / "model.safetensors").string());
  const fs::path moments_file = checkpoint / "optimizer.safetensors";
  const Safetensors moments = read_safetensors(moments_file);
  for (const auto& [prefix, into] : {std::pair{std::string("mean/"), optimizer.mean},
                                     std::pair{std::string("square/"), optimizer.square}}) {
    NamedArrays part;
    for (const auto& [name, array] : moments.arrays)
      if (name.rfind(prefix, 0) == 0) part[name.substr(prefix.size())] = array;
    fill_flat(store, part, moments_file.string(), into);
  }
  optimizer.steps = progress.step;
  return progress;
}

}  // namespace trecvit
