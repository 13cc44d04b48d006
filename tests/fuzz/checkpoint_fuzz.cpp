// The files of a checkpoint and of class names. The first byte chooses which file the rest is; the others are whole.
// Sees LibTorch, so the code under test is that of the libraries: instrumented in a sanitizer build, and without
// coverage.
#include <torch/torch.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "core/error.h"
#include "core/file.h"
#include "driver.h"
#include "formats/safetensors.h"
#include "io/model_conversion.h"
#include "model/trecvit.h"
#include "train/adamw.h"
#include "train/checkpoint.h"

using namespace trecvit;
namespace fs = std::filesystem;

namespace {

constexpr const char* kFiles[] = {"state.json", "model.safetensors", "optimizer.safetensors", "labels.json",
                                  "labels.txt"};

ModelConfig tiny() {
  ModelConfig config;
  config.width = 8;
  config.depth = 1;
  config.heads = 1;
  config.mlp_width = 8;
  config.mixer.gated_lru.lru_width = 8;
  config.head_width = 8;
  config.classes = 2;
  config.patch = 8;
  config.image_height = 8;
  config.image_width = 8;
  config.resolve(8);
  config.check();
  return config;
}

// A model, its optimizer, and the checkpoint that they were saved to.
struct World {
  World() : net(store, tiny()), folder(fs::temp_directory_path() / text("checkpoint_fuzz_", ::getpid())) {
    at::set_num_threads(1);
    store.allocate(at::kCPU);
    store.initialise(1);
    optimizer = std::make_unique<AdamW>(store.flat(), store.decayed_count(), AdamWOptions{});
    make_folders(folder);
    std::atexit([] { fs::remove_all(fs::temp_directory_path() / text("checkpoint_fuzz_", ::getpid())); });
    write_model(folder / kFiles[1], parameter_arrays(store), tiny(), {"wave", "run"}, {.size = 8, .frames = 2});
    NamedArrays moments;
    for (auto& [key, array] : arrays_of(store, optimizer->mean)) moments["mean/" + key] = array;
    for (auto& [key, array] : arrays_of(store, optimizer->square)) moments["square/" + key] = array;
    write_safetensors(folder / kFiles[2], moments);
    write_file(folder / kFiles[0],
               "{\"step\": 4, \"batch\": 5, \"seconds\": 1.5, \"best_top1\": 0.25, \"best_step\": 2, "
               "\"evaluated_step\": 2, \"bad_videos\": 1, \"recent_bad\": [0, 1]}\n");
    write_file(folder / kFiles[3], "{\"0\": \"wave\", \"1\": \"run\"}");
    write_file(folder / kFiles[4], "wave\nrun\n");
    for (const char* name : kFiles) contents.push_back(read_file(folder / name));
  }

  nn::ParameterStore store;
  TRecViT net;
  std::unique_ptr<AdamW> optimizer;
  fs::path folder;
  std::vector<std::string> contents;  // of kFiles, as they were saved
};

World& world() {
  static World made;
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  World& w = world();
  const std::size_t chosen = data[0] % std::size(kFiles);
  const auto put = [&](const std::string& content) {
    std::ofstream(w.folder / kFiles[chosen], std::ios::binary) << content;
  };
  put(std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
  const auto attempt = [](auto&& action) {
    try {
      action();
    } catch (const Error&) {
    }
  };
  if (chosen < 3) {
    attempt([&] {
      const TrainProgress progress = Checkpoints::load(w.folder, w.store, *w.optimizer);
      ensure(progress.step >= 0 && progress.seconds >= 0, "step ", progress.step, " after ", progress.seconds, " s");
    });
    attempt([&] { read_model(w.folder); });
  } else {
    attempt([&] {
      for (const std::string& label : read_labels(w.folder / kFiles[chosen], -1))
        ensure(!label.empty(), "a class without a name");
    });
  }
  put(w.contents[chosen]);
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  std::vector<std::string> seeds;
  for (std::size_t i = 0; i < std::size(kFiles); ++i)
    seeds.push_back(std::string(1, static_cast<char>(i)) + world().contents[i]);
  seeds.push_back("\3[\"wave\", \"run \\u00e9\"]");
  return seeds;
}
