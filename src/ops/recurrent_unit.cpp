#include "ops/recurrent_unit.h"

#include "ops/block_diagonal.h"
#include "ops/causal_conv1d.h"
#include "ops/rg_lru.h"
#include "ops/time_major.h"
#ifdef TRECVIT_TORCH_CUDA
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "kernels/recurrent_unit/recurrent_unit_cuda.h"
#endif

namespace trecvit::ops {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr const char* kName = "recurrent_unit";

void check(const RecurrentUnitArgs& a) {
  check_time_major(kName, a.xy_projection);
  const std::int64_t frames = a.xy_projection.size(0), rows = a.xy_projection.size(1), r = a.xy_projection.size(2) / 2;
  if (a.xy_projection.size(2) != 2 * r) throw Error(kName, ": xy_projection must be [T, rows, 2R], not ", a.xy_projection.sizes());
  if (a.input_gate.leaf.dim() != 3 || r % a.input_gate.leaf.size(0) != 0) {
    throw Error(kName, ": gates must be [H, D, D] with H a divisor of ", r, ", not ", a.input_gate.leaf.sizes());
  }
  const auto dtype = a.xy_projection.scalar_type(), wide = wide_dtype(dtype);
  const std::int64_t blocks = a.input_gate.leaf.size(0);
  for (const Weight& gate : {a.input_gate, a.a_gate}) {
    check_beside(kName, "a gate", gate.leaf, {blocks, r / blocks, r / blocks}, wide, a.xy_projection);
    check_beside(kName, "a gate's value", gate.value, gate.leaf.sizes(), dtype, a.xy_projection);
  }
  check_beside(kName, "conv_w", a.conv_w, {4, r}, wide, a.xy_projection);
  for (const Tensor& parameter : {a.conv_b, a.input_bias, a.a_bias, a.a_param}) {
    check_beside(kName, "a parameter", parameter, {r}, wide, a.xy_projection);
  }
  const StreamPositions& at = a.positions;
  if (at.segment_start_mask.defined()) {
    check_beside(kName, "segment_start_mask", at.segment_start_mask, {frames, rows}, at::kBool, a.xy_projection);
  }
  std::int64_t state_rows = rows;
  if (at.frames_before.defined()) {
    if (!a.overwrite) throw Error(kName, ": the states of streams are overwritten; overwrite must be true");
    const std::int64_t streams = at.frames_before.numel();
    if (streams == 0 || rows % streams != 0) throw Error(kName, ": ", rows, " rows of ", streams, " streams");
    check_overwritten(kName, "frames_before", at.frames_before, {streams}, at::kLong, a.xy_projection);
    if (at.slots.defined()) check_overwritten(kName, "slots", at.slots, {streams}, at::kLong, a.xy_projection);
    if (a.h0.defined()) state_rows = a.h0.size(0);
    if (state_rows < rows || state_rows % (rows / streams) != 0) {
      throw Error(kName, ": h0 has ", state_rows, " rows; they must be at least ", rows, ", and a multiple of the ",
                  rows / streams, " of a stream");
    }
  } else if (at.slots.defined()) {
    throw Error(kName, ": slots without frames_before");
  }
  if (a.conv_state.defined()) check_beside(kName, "conv_state", a.conv_state, {state_rows, 3, r}, dtype, a.xy_projection);
  if (a.h0.defined()) check_beside(kName, "h0", a.h0, {state_rows, r}, wide, a.xy_projection);
  if (!a.overwrite) return;
  check_overwritten(kName, "conv_state", a.conv_state, {state_rows, 3, r}, dtype, a.xy_projection);
  check_overwritten(kName, "h0", a.h0, {state_rows, r}, wide, a.xy_projection);
}

// The two branches, [T, rows, R] each, views.
Tensor branch(const Tensor& xy_projection, int which) {
  const std::int64_t r = xy_projection.size(2) / 2;
  return xy_projection.narrow(2, which * r, r);
}

Tensor lines(const Tensor& x) { return x.view({-1, x.size(2)}); }

struct Run {
  CausalConv1dResult conv;
  RgLruArgs lru;
  RgLruOutputs outputs;
};

Run run(const RecurrentUnitArgs& a, bool save_for_backward) {
  const Tensor conv_state_out = a.overwrite ? a.conv_state : Tensor();
  Run r{causal_conv1d_forward(branch(a.xy_projection, 0), a.conv_w, a.conv_b, a.conv_state, conv_state_out, a.positions), {}, {}};
  const Tensor& x = r.conv.out;
  r.lru = {.x = x,
           .input_logits = block_diagonal_forward(lines(x), a.input_gate.value).view(x.sizes()),
           .a_logits = block_diagonal_forward(lines(x), a.a_gate.value).view(x.sizes()),
           .y = branch(a.xy_projection, 1),
           .input_bias = a.input_bias,
           .a_bias = a.a_bias,
           .a_param = a.a_param,
           .h0 = a.h0,
           .reset = a.positions.segment_start_mask,
           .h_last = a.overwrite ? a.h0 : Tensor()};
  r.outputs = rg_lru_forward(r.lru, save_for_backward, a.positions);
  return r;
}

// Everything in one kernel, when it serves these arguments and pays; nothing is left behind for backward.
std::optional<RecurrentUnitResult> run_fused(const RecurrentUnitArgs& a) {
#ifdef TRECVIT_TORCH_CUDA
  if (!a.xy_projection.is_cuda() || a.xy_projection.scalar_type() != at::kBFloat16) return {};
  const c10::cuda::CUDAGuard guard(a.xy_projection.device());
  const std::int64_t frames = a.xy_projection.size(0), rows = a.xy_projection.size(1), r = a.xy_projection.size(2) / 2;
  kernels::RecurrentUnitForward<kernels::Bf16> p;
  p.frames = frames, p.rows = rows, p.channels = r, p.blocks = a.input_gate.value.size(0);
  p.x = data<kernels::Bf16>(a.xy_projection), p.y = p.x + r, p.stride = 2 * r;
  p.conv_w = data<float>(a.conv_w), p.conv_b = data<float>(a.conv_b);
  p.input_gate = data<kernels::Bf16>(a.input_gate.value), p.a_gate = data<kernels::Bf16>(a.a_gate.value);
  p.input_bias = data<float>(a.input_bias), p.a_bias = data<float>(a.a_bias), p.a_param = data<float>(a.a_param);
  p.streams = stream_rows(a.positions, rows);
  p.conv_state = data<kernels::Bf16>(a.conv_state);
  p.h0 = data<float>(a.h0);
  p.reset = data<std::uint8_t>(a.positions.segment_start_mask);
  if (!kernels::recurrent_unit_served_cuda(p) || !kernels::recurrent_unit_pays_cuda(p)) return {};
  const RecurrentUnitResult result{
      at::empty({frames, rows, r}, a.xy_projection.options()),
      a.overwrite && a.h0.defined() ? a.h0 : at::empty({rows, r}, a.conv_b.options()),
      a.overwrite && a.conv_state.defined() ? a.conv_state : at::empty({rows, 3, r}, a.xy_projection.options())};
  p.out = data<kernels::Bf16>(result.out), p.h_last = data<float>(result.h_last);
  p.conv_state_out = data<kernels::Bf16>(result.conv_state);
  kernels::recurrent_unit_forward_cuda(p, c10::cuda::getCurrentCUDAStream());
  return result;
#else
  (void)a;
  return {};
#endif
}

class RecurrentUnit : public torch::autograd::Function<RecurrentUnit> {
 public:
  static variable_list forward(AutogradContext* context, const Tensor& xy_projection, const Tensor& conv_w, const Tensor& conv_b,
                               const Tensor& input_gate_leaf, const Tensor& a_gate_leaf, const Tensor& input_bias,
                               const Tensor& a_bias, const Tensor& a_param, const std::optional<Tensor>& conv_state,
                               const std::optional<Tensor>& h0, const Tensor& input_gate, const Tensor& a_gate,
                               const std::optional<Tensor>& segment_start_mask) {
    const RecurrentUnitArgs a{.xy_projection = xy_projection,
                              .conv_w = conv_w,
                              .conv_b = conv_b,
                              .input_gate = {input_gate_leaf, input_gate},
                              .a_gate = {a_gate_leaf, a_gate},
                              .input_bias = input_bias,
                              .a_bias = a_bias,
                              .a_param = a_param,
                              .conv_state = conv_state.value_or(Tensor()),
                              .h0 = h0.value_or(Tensor()),
                              .positions = {.segment_start_mask = segment_start_mask.value_or(Tensor())}};
    const Run r = run(a, /*save_for_backward=*/true);
    context->set_materialize_grads(false);
    context->save_for_backward({xy_projection, conv_w, conv_b, a.conv_state, r.lru.x, r.lru.input_logits, r.lru.a_logits,
                                input_bias, a_bias, a_param, a.h0, a.positions.segment_start_mask, r.outputs.h, input_gate, a_gate});
    return {r.outputs.out, r.outputs.h_last, r.conv.state};
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto s = context->get_saved_variables();
    const Tensor &xy_projection = s[0], &x = s[4], &input_gate = s[13], &a_gate = s[14];
    const Tensor dxy_projection = at::empty_like(xy_projection);
    const RgLruArgs lru{.x = x,
                        .input_logits = s[5],
                        .a_logits = s[6],
                        .y = branch(xy_projection, 1),
                        .input_bias = s[7],
                        .a_bias = s[8],
                        .a_param = s[9],
                        .h0 = s[10],
                        .reset = s[11]};
    const Tensor dout = grads[0].defined() ? grads[0].contiguous() : at::zeros_like(x);
    const RgLruGradients g = rg_lru_backward(lru, s[12], dout, contiguous_or_undefined(grads[1]), branch(dxy_projection, 1));
    const Tensor dinput_gate = block_diagonal_weight_gradient(lines(x), lines(g.input_logits), input_gate.size(0));
    const Tensor da_gate = block_diagonal_weight_gradient(lines(x), lines(g.a_logits), a_gate.size(0));
    block_diagonal_add_input_gradient(lines(g.input_logits), input_gate, lines(g.x));
    block_diagonal_add_input_gradient(lines(g.a_logits), a_gate, lines(g.x));
    const CausalConv1dGradients conv = causal_conv1d_backward(branch(xy_projection, 0), s[1], s[2], s[3], g.x,
                                                              contiguous_or_undefined(grads[2]), branch(dxy_projection, 0));
    return {dxy_projection,      conv.w, conv.b, dinput_gate, da_gate, g.input_bias, g.a_bias, g.a_param,
            conv.state, g.h0,   {},     {},          {}};
  }
};

}  // namespace

RecurrentUnitResult recurrent_unit(const RecurrentUnitArgs& args) {
  check(args);
  RecurrentUnitArgs a = args;
  for (Tensor* tensor : {&a.xy_projection, &a.conv_w, &a.conv_b, &a.input_bias, &a.a_bias, &a.a_param,
                         &a.input_gate.value, &a.a_gate.value}) {
    *tensor = tensor->contiguous();
  }
  for (Tensor* tensor : {&a.conv_state, &a.h0, &a.positions.segment_start_mask}) {
    *tensor = contiguous_or_undefined(*tensor);
  }
  if (!gradient_wanted(a.xy_projection, a.conv_w, a.conv_b, a.input_gate.leaf, a.a_gate.leaf, a.input_bias, a.a_bias, a.a_param,
                       a.conv_state, a.h0)) {
    if (const auto fused = run_fused(a)) return *fused;
    const Run r = run(a, /*save_for_backward=*/false);
    return {r.outputs.out, r.outputs.h_last, r.conv.state};
  }
  if (a.overwrite) throw Error(kName, ": states cannot be overwritten while gradients are recorded");
  const auto results = RecurrentUnit::apply(a.xy_projection, a.conv_w, a.conv_b, a.input_gate.leaf, a.a_gate.leaf, a.input_bias,
                                            a.a_bias, a.a_param, optional(a.conv_state), optional(a.h0),
                                            a.input_gate.value, a.a_gate.value, optional(a.positions.segment_start_mask));
  return {results[0], results[1], results[2]};
}

}  // namespace trecvit::ops
