// Writes what the PyTorch peer is held against: parameters, clips, and the logits that our model gives.
//   baseline_golden OUT.npz
// Names as in the golden files of the official code: params/..., input/video [B, T, H, W, 3], output/logits [B,
// classes], meta/config (C, L, H, M, R/C, classes, head width, frames per clip).
#include <cstdio>
#include <exception>

#include "formats/npz.h"
#include "io/model_file.h"
#include "nn/tensors.h"

namespace {

using namespace trecvit;

ModelConfig config() {
  ModelConfig config;
  config.variant = "mu";
  config.width = 24;
  config.depth = 2;
  config.heads = 3;
  config.mlp_width = 40;
  config.mixer.gated_lru.lru_width = 48;
  config.classes = 5;
  config.head_width = 20;
  config.image_height = 32;
  config.image_width = 48;
  config.check();
  return config;
}

void write(const char* path) {
  constexpr std::int64_t kFrames = 7, kClips = 2;
  const at::NoGradGuard no_grad;
  const ModelConfig c = config();
  nn::ParameterStore store;
  const TRecViT net(store, c);
  store.allocate(at::kCPU);
  store.initialise(5);
  // Biases and the like start at 0 and would hide mistakes.
  Rng rng(3);
  for (const auto& p : store.all()) {
    float* values = p.value.data_ptr<float>();
    for (std::int64_t i = 0; i < p.value.numel(); ++i)
      if (values[i] == 0) values[i] = static_cast<float>(0.1 * rng.normal());
  }
  at::Tensor video = at::empty({kFrames, kClips, c.image_height, c.image_width, 3}, at::kFloat);
  float* pixels = video.data_ptr<float>();
  for (std::int64_t i = 0; i < video.numel(); ++i) pixels[i] = static_cast<float>(rng.uniform());

  NamedArrays arrays;
  for (const auto& [name, array] : parameter_arrays(store)) arrays["params/" + name] = array;
  arrays["input/video"] = to_array(video.transpose(0, 1));
  arrays["output/logits"] = to_array(net.classify_clips(video).logits);
  arrays["meta/config"] = to_array(at::tensor(
      {c.width, c.depth, c.heads, c.mlp_width, c.mixer.gated_lru.lru_width / c.width, c.classes, c.head_width, kFrames}, at::kLong));
  write_npz(path, arrays);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: baseline_golden OUT.npz\n");
    return 2;
  }
  try {
    write(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "baseline_golden: %s\n", error.what());
    return 1;
  }
}
