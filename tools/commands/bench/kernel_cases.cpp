#include "core/error.h"
#include "ops/block_diagonal.h"
#include "ops/causal_conv1d.h"
#include "ops/matmul.h"
#include "ops/norm.h"
#include "ops/patches.h"
#include "ops/recurrent_unit.h"
#include "ops/rg_lru.h"
#include "ops/spatial_attention.h"
#include "ops/time_major.h"
#include "tools/commands/bench/timing.h"
#include "tools/commands/bench/kernel_cases.h"
#include "train/adamw.h"
#ifdef TRECVIT_TORCH_CUDA
#include <c10/cuda/CUDAStream.h>

#include "kernels/rg_lru/rg_lru_cuda.h"
#endif

namespace trecvit::tools {
namespace {

using at::IntArrayRef;
using at::Tensor;

Tensor noise(const KernelSizes& s, IntArrayRef shape) {
  return at::empty(shape, at::TensorOptions().device(s.device).dtype(s.dtype)).normal_();
}
Tensor wide_noise(const KernelSizes& s, IntArrayRef shape) {
  return at::empty(shape, at::TensorOptions().device(s.device).dtype(at::kFloat)).normal_();
}
Tensor wide_zeros(const KernelSizes& s, IntArrayRef shape) {
  return at::zeros(shape, at::TensorOptions().device(s.device).dtype(at::kFloat));
}

double bytes_of(std::initializer_list<Tensor> tensors) {
  double bytes = 0;
  for (const Tensor& tensor : tensors) bytes += static_cast<double>(tensor.nbytes());
  return bytes;
}

// The right half of the columns.
Tensor right_half(const Tensor& xy_projection) { return xy_projection.narrow(2, xy_projection.size(2) / 2, xy_projection.size(2) / 2); }

// [T, rows], true at the first frame.
Tensor first_frames(const KernelSizes& s, std::int64_t frames, std::int64_t rows) {
  Tensor reset = at::zeros({frames, rows}, at::TensorOptions().device(s.device).dtype(at::kBool));
  reset[0].fill_(true);
  return reset;
}

ops::RgLruArgs scan_arguments(const KernelSizes& s, std::int64_t rows, std::int64_t frames) {
  const std::int64_t r = s.model.mixer.gated_lru.lru_width;
  ops::RgLruArgs a;
  a.x = noise(s, {frames, rows, r}), a.input_logits = noise(s, {frames, rows, r});
  a.a_logits = noise(s, {frames, rows, r}), a.y = right_half(noise(s, {frames, rows, 2 * r}));
  a.input_bias = wide_zeros(s, {r}), a.a_bias = wide_zeros(s, {r}), a.a_param = wide_zeros(s, {r});
  a.reset = first_frames(s, frames, rows);
  return a;
}

// No states: the rows begin here.
ops::RecurrentUnitArgs unit_arguments(const KernelSizes& s, std::int64_t rows, std::int64_t frames) {
  const std::int64_t r = s.model.mixer.gated_lru.lru_width, h = s.model.heads, d = r / h;
  const auto gate = [&] { return ops::Weight{wide_noise(s, {h, d, d}), noise(s, {h, d, d})}; };
  return {.xy_projection = noise(s, {frames, rows, 2 * r}),
          .conv_w = wide_noise(s, {4, r}),
          .conv_b = wide_noise(s, {r}),
          .input_gate = gate(),
          .a_gate = gate(),
          .input_bias = wide_zeros(s, {r}),
          .a_bias = wide_zeros(s, {r}),
          .a_param = wide_zeros(s, {r}),
          .positions = {.segment_start_mask = first_frames(s, frames, rows)}};
}

// Both branches and the gates' weights are read, the result is written, h is read and written; so is, of the ring, what
// it knows and one line of three.
KernelCase unit_work(const std::string& name, const ops::RecurrentUnitArgs& a) {
  const Tensor& w = a.input_gate.value;
  double bytes = 1.5 * bytes_of({a.xy_projection}) + 2 * bytes_of({w});
  if (a.overwrite) bytes += 2 * bytes_of({a.h0}) + 4.0 / 3 * bytes_of({a.conv_state});
  return {.name = name,
          .run = [a] { ops::recurrent_unit(a); },
          .bytes = bytes,
          .flops = 2.0 * static_cast<double>(a.xy_projection.numel()) * static_cast<double>(w.size(2))};
}

// The serial forms of forward, by channels to a thread, where the plan's own choice is a chain.
std::vector<KernelCase> serial_scan_cases([[maybe_unused]] const ops::RgLruArgs& a, [[maybe_unused]] double bytes,
                                          [[maybe_unused]] const std::string& size) {
  std::vector<KernelCase> cases;
#ifdef TRECVIT_TORCH_CUDA
  if (!a.x.is_cuda()) return cases;
  ops::with_element_type(a.x, [&]<class Io>(Io) {
    if constexpr (!std::is_same_v<Io, double>) {
      const Tensor out = at::empty_like(a.x), h = at::empty_like(a.x), h_last = at::empty_like(a.x[0], at::kFloat);
      kernels::RgLruForward<Io> p;
      p.frames = a.x.size(0), p.rows = a.x.size(1), p.channels = a.x.size(2);
      p.x = ops::data<Io>(a.x), p.input_logits = ops::data<Io>(a.input_logits), p.a_logits = ops::data<Io>(a.a_logits);
      p.y = ops::data<Io>(a.y), p.y_stride = ops::time_major(a.y).stride;
      p.input_bias = ops::data<float>(a.input_bias), p.a_bias = ops::data<float>(a.a_bias);
      p.a_param = ops::data<float>(a.a_param), p.reset = ops::data<std::uint8_t>(a.reset);
      p.out = ops::data<Io>(out), p.h = ops::data<Io>(h), p.h_last = ops::data<float>(h_last);
      const kernels::RgLruPlan chosen = kernels::rg_lru_forward_plan_cuda(p);
      if (!chosen.chained) return;
      for (int vector = chosen.vector; vector <= static_cast<int>(16 / sizeof(Io)); vector *= 2) {
        cases.push_back({.name = text("scan forward, serial by ", vector, " ", size),
                         .run =
                             [a, out, h, h_last, p, vector] {
                               kernels::rg_lru_forward_cuda(p, {.vector = vector}, c10::cuda::getCurrentCUDAStream());
                             },
                         .bytes = bytes});
      }
    }
  });
#endif
  return cases;
}

// A linear map of the model and what is had in its passes.
struct Map {
  const char* name;
  std::int64_t in, out;
  bool residual = false, gelu_after = false, gelu_before = false, first = false;
};

// Streaming: only prefetchable weights allow the skinny form.
std::function<void()> frame_product(const Map& map, const Tensor& x, const Tensor& w, const Tensor& bias,
                                    const Tensor& sum, bool old) {
  const auto age = old ? ops::Weights::kPrefetchable : ops::Weights::kAnyAge;
  const Tensor residual = map.residual ? sum.narrow(0, 0, x.size(0)) : Tensor();
  if (map.gelu_after) return [=] { ops::affine_gelu(x, w, bias, nullptr, age); };
  return [=] { ops::affine(x, w, bias, residual, age); };
}

}  // namespace

std::vector<KernelCase> patch_cases(const KernelSizes& s, std::int64_t clips, std::int64_t frames) {
  const Tensor video = random_video(frames, clips, s.model.image_height, s.device);
  const auto written = static_cast<double>(video.numel()) * static_cast<double>(at::elementSize(s.dtype));
  return {{.name = text("patches ", clips, "x", frames),
           .run = [video, s] { ops::patchify(video, s.model.patch, s.dtype); },
           .bytes = bytes_of({video}) + written}};
}

std::vector<KernelCase> norm_cases(const KernelSizes& s, std::int64_t clips, std::int64_t frames) {
  const std::int64_t rows = clips * frames * s.model.tokens(), c = s.model.width;
  const Tensor x = noise(s, {rows, c}), dy = noise(s, {rows, c}), dskip = noise(s, {rows, c});
  std::vector<KernelCase> cases;
  for (const ops::NormKind kind : {ops::NormKind::kRms, ops::NormKind::kLayer}) {
    const bool layer = kind == ops::NormKind::kLayer;
    const ops::Norm norm{kind, wide_noise(s, {c}), layer ? wide_noise(s, {c}) : Tensor()};
    ops::NormStatistics statistics;
    ops::norm_forward(x, norm, &statistics);
    const std::string name = layer ? "layer norm" : "rms norm", size = text(" ", rows, "x", c);
    cases.push_back({.name = name + " forward" + size,
                     .run = [x, norm] { ops::norm_forward(x, norm, nullptr); },
                     .bytes = 2 * bytes_of({x})});
    cases.push_back({.name = name + " backward" + size,
                     .run = [=] { ops::norm_backward(x, norm, statistics, dy, dskip, /*want_y=*/true); },
                     .bytes = 5 * bytes_of({x})});
  }
  return cases;
}

std::vector<KernelCase> product_cases(const KernelSizes& s, std::int64_t clips, std::int64_t frames) {
  const std::int64_t rows = clips * frames * s.model.tokens();
  const std::int64_t c = s.model.width, r = s.model.mixer.gated_lru.lru_width, m = s.model.mlp_width;
  const Map maps[] = {{.name = "embedding", .in = 3 * s.model.patch * s.model.patch, .out = c, .first = true},
                      {.name = "linear_x|y", .in = c, .out = 2 * r},
                      {.name = "linear_out", .in = r, .out = c, .residual = true},
                      {.name = "q|k|v", .in = c, .out = 3 * c},
                      {.name = "attention out", .in = c, .out = c, .residual = true},
                      {.name = "mlp up", .in = c, .out = m, .gelu_after = true},
                      {.name = "mlp down", .in = m, .out = c, .residual = true, .gelu_before = true}};
  std::vector<KernelCase> cases;
  for (const Map& map : maps) {
    const Tensor x = noise(s, {rows, map.in}), y = noise(s, {rows, map.out}), w = noise(s, {map.in, map.out});
    const Tensor bias = noise(s, {map.out}), sum = map.residual ? noise(s, {rows, map.out}) : Tensor();
    const std::string name = map.name, size = text(" ", rows, "x", map.in, "x", map.out);
    const double flops = 2.0 * static_cast<double>(rows) * static_cast<double>(map.in * map.out);
    const double once = bytes_of({x, y, w}), again = map.residual || map.gelu_after ? bytes_of({y}) : 0;
    const auto add = [&](const std::string& what, double bytes, std::function<void()> run) {
      cases.push_back({.name = name + what + size, .run = std::move(run), .bytes = bytes, .flops = flops});
    };
    if (map.gelu_after) {
      add(" forward with gelu", once + again, [=] {
        Tensor argument;
        ops::affine_gelu(x, w, bias, &argument, ops::Weights::kAnyAge);
      });
    } else {
      add(map.residual ? " forward and sum" : " forward", once + again,
          [=] { ops::affine(x, w, bias, sum, ops::Weights::kAnyAge); });
    }
    if (map.gelu_before) {
      add(" input gradient through gelu", once + bytes_of({x}), [=] { ops::input_gradient_before_gelu(y, w, x); });
    } else if (!map.first) {
      add(" input gradient", once, [=] { ops::input_gradient(y, w); });
    }
    const double wide = static_cast<double>(w.numel()) * 4 - bytes_of({w});  // its gradient is fp32
    add(" weight gradient", once + wide + bytes_of({y}), [=] { ops::weight_gradients(x, y); });
    if (map.first) continue;
    const std::int64_t tokens = s.model.tokens();
    for (const bool old : {true, false}) {
      cases.push_back(
          {.name = text(name, " of a frame", old ? "" : " by cuBLASLt", " ", tokens, "x", map.in, "x", map.out),
           .run = frame_product(map, x.narrow(0, 0, tokens), w, bias, sum, old),
           .bytes = bytes_of({w}) + (once + again - bytes_of({w})) * static_cast<double>(tokens) / rows,
           .flops = flops * static_cast<double>(tokens) / rows});
    }
  }
  return cases;
}

std::vector<KernelCase> gate_cases(const KernelSizes& s, std::int64_t clips, std::int64_t frames) {
  const std::int64_t rows = clips * frames * s.model.tokens(), r = s.model.mixer.gated_lru.lru_width, h = s.model.heads, d = r / h;
  const Tensor x = noise(s, {rows, r}), y = noise(s, {rows, r}), w = noise(s, {h, d, d});
  const std::string size = text(" ", rows, "x", h, "x", d, "x", d);
  const double flops = 2.0 * static_cast<double>(rows) * static_cast<double>(r * d), once = bytes_of({x, y, w});
  return {{"gate forward" + size, [=] { ops::block_diagonal_forward(x, w); }, once, flops},
          {"gate input gradient, added" + size, [=] { ops::block_diagonal_add_input_gradient(y, w, x); },
           once + bytes_of({x}), flops},
          {"gate weight gradient" + size, [=] { ops::block_diagonal_weight_gradient(x, y, h); }, once, flops}};
}

std::vector<KernelCase> attention_cases(const KernelSizes& s, std::int64_t clips, std::int64_t frames) {
  const std::int64_t pictures = clips * frames, n = s.model.tokens(), h = s.model.heads, d = s.model.width / h;
  const Tensor qkv = noise(s, {pictures, n, 3, h, d});
  const Tensor learnt = qkv.detach().requires_grad_(true), dout = noise(s, {pictures, n, h * d});
  Tensor out;
  {
    const at::AutoGradMode on(true);
    out = ops::spatial_attention(learnt);
  }
  const std::string size = text(" ", pictures, "x", h, "x", n, "x", d);
  const double flops = 4.0 * static_cast<double>(pictures * h * n) * static_cast<double>(n * d);
  return {{.name = "attention forward" + size,
           .run = [qkv] { ops::spatial_attention(qkv); },
           .bytes = 4 * bytes_of({dout}),
           .flops = flops},
          {.name = "attention backward" + size,
           .run = [=] { torch::autograd::grad({out}, {learnt}, {dout}, /*retain_graph=*/true); },
           .bytes = 8 * bytes_of({dout}),
           .flops = 2.5 * flops,
           .by_autograd = true}};
}

std::vector<KernelCase> conv_cases(const KernelSizes& s, std::int64_t rows, std::int64_t frames) {
  const std::int64_t r = s.model.mixer.gated_lru.lru_width;
  const Tensor z = noise(s, {frames, rows, 2 * r}).narrow(2, 0, r), dout = noise(s, {frames, rows, r});
  const Tensor w = wide_noise(s, {4, r}), b = wide_noise(s, {r}), dxy_projection = at::empty({frames, rows, 2 * r}, z.options());
  const std::string size = text(" ", rows, "x", frames);
  return {{.name = "convolution forward" + size,
           .run = [=] { ops::causal_conv1d_forward(z, w, b, {}); },
           .bytes = 2 * bytes_of({dout})},
          {.name = "convolution backward" + size,
           .run = [=] { ops::causal_conv1d_backward(z, w, b, {}, dout, {}, dxy_projection.narrow(2, 0, r)); },
           .bytes = 3 * bytes_of({dout})}};
}

std::vector<KernelCase> scan_cases(const KernelSizes& s, std::int64_t rows, std::int64_t frames) {
  const ops::RgLruArgs a = scan_arguments(s, rows, frames);
  const double once = bytes_of({a.x});
  const std::string size = text(rows, "x", frames);
  std::vector<KernelCase> cases = serial_scan_cases(a, 6 * once, size);
  const auto saved = ops::rg_lru_forward(a, /*save_for_backward=*/true);
  const Tensor dout = saved.out, h = saved.h, dxy_projection = at::empty({frames, rows, 2 * a.x.size(2)}, a.x.options());
  cases.push_back({.name = "scan without gradient " + size,
                   .run = [a] { ops::rg_lru_forward(a, /*save_for_backward=*/false); },
                   .bytes = 5 * once});
  cases.push_back(
      {.name = "scan forward " + size, .run = [a] { ops::rg_lru_forward(a, /*save_for_backward=*/true); }, .bytes = 6 * once});
  cases.push_back({.name = "scan backward " + size,
                   .run = [=] { ops::rg_lru_backward(a, h, dout, {}, right_half(dxy_projection)); },
                   .bytes = 10 * once});
  return cases;
}

std::vector<KernelCase> unit_cases(const KernelSizes& s, std::int64_t clips, std::int64_t frames) {
  const std::int64_t rows = clips * s.model.tokens();
  return {unit_work(text("recurrent unit ", rows, "x", frames), unit_arguments(s, rows, frames))};
}

std::vector<KernelCase> step_cases(const KernelSizes& s, std::int64_t streams) {
  const std::int64_t rows = streams * s.model.tokens(), r = s.model.mixer.gated_lru.lru_width;
  ops::RecurrentUnitArgs a = unit_arguments(s, rows, 1);
  const auto counts = at::TensorOptions().device(s.device).dtype(at::kLong);
  a.conv_state = noise(s, {rows, 3, r});
  a.h0 = wide_zeros(s, {rows, r});
  a.overwrite = true;
  a.positions = {.slots = at::arange(streams, counts),
                 .frames_before = at::ones({streams}, counts),
                 .segment_start_mask = at::zeros_like(a.positions.segment_start_mask)};
  return {unit_work(text("recurrent step, streams ", streams), a)};
}

std::vector<KernelCase> optimizer_cases(const KernelSizes& s) {
  const Tensor values = wide_noise(s, {s.parameters}), gradient = wide_noise(s, {s.parameters});
  const Tensor loss = wide_zeros(s, {1});
  const auto optimizer = std::make_shared<AdamW>(values, s.parameters, AdamWOptions{.weight_decay = 0.03});
  const auto count = static_cast<double>(s.parameters);
  std::vector<KernelCase> cases{{.name = text("adamw and norm ", s.parameters),
                                 .run = [=] { optimizer->step(gradient, loss, /*lr=*/1e-4, /*clip=*/1); },
                                 .bytes = 8 * 4 * count}};
  if (s.dtype != at::kFloat) {
    const Tensor copy = at::empty_like(values, s.dtype);
    cases.push_back({.name = text("copy of parameters ", s.parameters),
                     .run = [=] { copy.copy_(values); },
                     .bytes = (4 + static_cast<double>(at::elementSize(s.dtype))) * count});
  }
  return cases;
}

}  // namespace trecvit::tools
