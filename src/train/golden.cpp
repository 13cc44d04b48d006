#include "train/golden.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/error.h"
#include "formats/npz.h"
#include "io/model_file.h"
#include "nn/tensors.h"
#include "ops/block_diagonal.h"
#include "ops/rg_lru.h"
#include "train/adamw.h"

namespace trecvit {
namespace {

using at::Tensor;

double l2(const Tensor& t) { return t.to(at::kDouble).norm().item<double>(); }

// "encoder/residualblock_00", "decoder", "tokenizer": what a gradient of tiny norm is measured against.
std::string layer_of(const std::string& name) {
  const auto block = name.find("block_");
  if (block == std::string::npos) return name.substr(0, name.find('/'));
  return name.substr(0, name.find('/', block));
}

class Checker {
 public:
  Checker(const NamedArrays& arrays, GoldenTolerance tolerance) : arrays_(arrays), tolerance_(tolerance) {}

  bool has(const std::string& name) const { return arrays_.count(name) > 0; }
  Tensor recorded(const std::string& name) const { return to_tensor(arrays_.at(name)); }

  // `scale` > 0 replaces the norm of the recorded values.
  void compare(const std::string& name, const Tensor& ours, double tolerance, double scale = 0) {
    if (!has(name)) return;
    const Tensor theirs = recorded(name).to(at::kDouble);
    const Tensor mine = ours.detach().to(at::kCPU, at::kDouble);
    GoldenRow row{.name = name, .tolerance = tolerance};
    if (mine.sizes() != theirs.sizes()) {
      row.relative = row.largest = INFINITY;
    } else {
      const Tensor difference = mine - theirs;
      const double against = scale > 0 ? scale : l2(theirs);
      row.relative = l2(difference) / (against > 0 ? against : 1);
      row.largest = difference.numel() ? difference.abs().max().item<double>() : 0;
    }
    row.pass = row.relative <= tolerance;
    rows_.push_back(row);
  }
  void output(const std::string& name, const Tensor& ours) { compare(name, ours, tolerance_.output); }

  // Gradients by name (without "grad/"), each against its own norm or, when that is below a thousandth of its layer's
  // largest, against the latter.
  void gradients(const std::map<std::string, Tensor>& ours) {
    std::map<std::string, double> largest;
    for (const auto& [name, gradient] : ours)
      if (has("grad/" + name)) {
        double& most = largest[layer_of(name)];
        most = std::max(most, l2(recorded("grad/" + name)));
      }
    for (const auto& [name, gradient] : ours) {
      if (!has("grad/" + name)) continue;
      const double own = l2(recorded("grad/" + name)), most = largest[layer_of(name)];
      compare("grad/" + name, gradient, tolerance_.gradient, own < 1e-3 * most ? most : own);
    }
  }

  const GoldenTolerance& tolerance() const { return tolerance_; }

  GoldenReport report() const {
    GoldenReport report{.rows = rows_};
    report.pass = !rows_.empty() && std::all_of(rows_.begin(), rows_.end(), [](const GoldenRow& r) { return r.pass; });
    return report;
  }

 private:
  const NamedArrays& arrays_;
  GoldenTolerance tolerance_;
  std::vector<GoldenRow> rows_;
};

// [T, B, N, C] as the official temporal blocks see it, [(B N), T, C], and the spatial ones, [(B T), N, C].
Tensor by_row(const Tensor& x) { return x.permute({1, 2, 0, 3}).flatten(0, 1); }
Tensor by_frame(const Tensor& x) { return x.permute({1, 0, 2, 3}).flatten(0, 1); }

std::string padded(std::size_t i) { return (i < 10 ? "0" : "") + std::to_string(i); }

// One RG-LRU layer by itself: golden/rg_lru_segments.npz.
GoldenReport check_layer(const NamedArrays& arrays, at::Device device, at::ScalarType dtype) {
  Checker checker(arrays, golden_tolerance(device, dtype));
  const auto leaf = [&](const std::string& name) {
    return checker.recorded(name).to(device, at::kFloat).requires_grad_(true);
  };
  const Tensor x = leaf("x"), h0 = leaf("h0"), a_param = leaf("params/a_param");
  const Tensor input_w = leaf("params/input_gate/w"), input_b = leaf("params/input_gate/b");
  const Tensor a_w = leaf("params/a_gate/w"), a_b = leaf("params/a_gate/b");
  const Tensor reset = checker.recorded("segment_pos").eq(0).transpose(0, 1).contiguous().to(device);
  const Tensor time_major = x.transpose(0, 1).contiguous().to(dtype);  // [T, rows, R]
  const Tensor rows = time_major.flatten(0, 1);
  const auto result = ops::rg_lru({.x = time_major,
                                   .input_logits = ops::block_diagonal(rows, input_w.to(dtype)).view(time_major.sizes()),
                                   .a_logits = ops::block_diagonal(rows, a_w.to(dtype)).view(time_major.sizes()),
                                   .input_bias = input_b.flatten(),
                                   .a_bias = a_b.flatten(),
                                   .a_param = a_param,
                                   .h0 = h0,
                                   .reset = reset});
  const Tensor y = result.out.transpose(0, 1).to(at::kFloat);
  checker.output("y", y);
  checker.output("last_h", result.h_last);
  (y * checker.recorded("grad_y").to(device)).sum().backward();
  checker.gradients({{"x", x.grad()},
                     {"h0", h0.grad()},
                     {"params/a_param", a_param.grad()},
                     {"params/input_gate/w", input_w.grad()},
                     {"params/input_gate/b", input_b.grad()},
                     {"params/a_gate/w", a_w.grad()},
                     {"params/a_gate/b", a_b.grad()}});
  return checker.report();
}

}  // namespace

GoldenTolerance golden_tolerance(at::Device device, at::ScalarType dtype) {
  if (dtype == at::kBFloat16) return {.output = 2e-2, .gradient = 1e-1, .loss = 2e-2};
  if (device.is_cuda()) return {.output = 1e-4, .gradient = 1e-3, .loss = 1e-3};
  return {};
}

GoldenReport check_golden(const std::filesystem::path& path, at::Device device, at::ScalarType dtype) {
  const NamedArrays arrays = read_npz(path);
  if (arrays.count("segment_pos") && arrays.count("x")) return check_layer(arrays, device, dtype);
  if (!arrays.count("input/video"))
    throw Error(path.string(), " is not a golden file: it has no 'input/video' and weights beside it");
  Checker checker(arrays, golden_tolerance(device, dtype));

  NamedArrays weights;
  const bool prefixed = std::any_of(arrays.begin(), arrays.end(),
                                    [](const auto& entry) { return entry.first.rfind("params/", 0) == 0; });
  for (const auto& [name, array] : arrays) {
    if (prefixed && name.rfind("params/", 0) == 0) weights[name.substr(7)] = array;
    if (!prefixed && (name.rfind("tokenizer/", 0) == 0 || name.rfind("encoder/", 0) == 0 || name.rfind("decoder/", 0) == 0))
      weights[name] = array;
  }

  // Clips of a video: as many as the recorded tokens have per video, else what meta/config says, else one.
  Tensor video = checker.recorded("input/video").to(at::kFloat);  // [V, frames, H, W, 3]
  if (video.dim() != 5 || video.size(4) != 3)
    throw Error(path.string(), ": input/video must be [B, T, H, W, 3], not ", shape_text(arrays.at("input/video").shape));
  const std::int64_t videos = video.size(0);
  std::int64_t frames = video.size(1);
  if (checker.has("output/tokens")) {
    frames = arrays.at("output/tokens").shape.at(1);
  } else if (checker.has("meta/config") && arrays.at("meta/config").count() >= 8) {
    frames = checker.recorded("meta/config").to(at::kLong)[7].item<std::int64_t>();
  }
  if (frames < 1 || video.size(1) % frames != 0)
    throw Error(path.string(), ": videos of ", video.size(1), " frames do not divide into clips of ", frames);
  const std::int64_t clips = video.size(1) / frames;
  video = video.view({videos * clips, frames, video.size(2), video.size(3), 3}).transpose(0, 1).contiguous().to(device);

  ModelConfig config = infer_config(weights, path.string());
  config.image_height = video.size(2);
  config.image_width = video.size(3);
  nn::ParameterStore store;
  TRecViT net(store, config);
  net.set_dtype(dtype);
  store.allocate(device);
  load_parameters(store, weights, path.string());
  net.cast_weights();

  nn::Trace trace;
  ModelState state = net.make_state(videos * clips);
  {
    const at::NoGradGuard no_grad;
    net.classify_streams(video, state, {}, &trace);
  }
  const auto clip_major = [](const Tensor& x) { return x.transpose(0, 1); };
  checker.output("output/tokens", clip_major(trace.tokens));
  for (std::size_t i = 0; i < trace.temporal.size(); ++i) {
    checker.output("output/residualblock_" + padded(i), by_row(trace.temporal[i]));
    checker.output("output/encoderblock_" + std::to_string(i), by_frame(trace.spatial[i]));
    checker.output("state/rg_lru_" + padded(i), state.layers[i]->tensor(0));
    checker.output("state/conv1d_" + padded(i), state.layers[i]->in_order(1, state.frames_processed));
  }
  checker.output("output/encoded", clip_major(trace.encoded));
  if (config.classes == 0) return checker.report();

  // The head's mean over clips: of logits, and of softmax (google-deepmind/trecvit).
  const auto mean_logits = [&](const TRecViT::Output& out) { return out.logits.view({videos, clips, -1}).mean(1); };
  {
    const at::NoGradGuard no_grad;
    const auto output = net.classify_clips(video);
    checker.output("output/pre_logits", output.pre_logits.to(at::kFloat).mean(0).view({videos, clips, -1}));
    checker.output("output/logits", mean_logits(output));
    checker.output("output/probs", at::softmax(output.logits, -1).view({videos, clips, -1}).mean(1));
  }
  if (!checker.has("input/labels")) return checker.report();
  const Tensor labels = checker.recorded("input/labels").to(at::kLong).to(device);
  const auto loss_now = [&] { return at::cross_entropy_loss(mean_logits(net.classify_clips(video)), labels); };

  const Tensor loss = loss_now();
  checker.compare("output/loss", loss, checker.tolerance().loss);
  loss.backward();
  std::map<std::string, Tensor> gradients;
  for (auto& [name, array] : arrays_of(store, store.flat_grad())) gradients[name] = to_tensor(array);
  checker.gradients(gradients);

  if (checker.has("output/adamw_losses")) {
    const std::int64_t steps = arrays.at("output/adamw_losses").count();
    AdamW optimizer(store.flat(), /*decayed=*/store.flat().numel(), {.weight_decay = 0.03});
    std::vector<float> losses{loss.item<float>()};
    Tensor last = loss.detach();
    for (std::int64_t i = 1; i < steps; ++i) {
      optimizer.step(store.flat_grad(), last, /*lr=*/1e-3);
      net.cast_weights();
      store.flat_grad().zero_();
      const Tensor next = loss_now();
      next.backward();
      losses.push_back(next.item<float>());
      last = next.detach();
    }
    checker.compare("output/adamw_losses", at::tensor(losses), checker.tolerance().loss);
  }
  return checker.report();
}

}  // namespace trecvit
