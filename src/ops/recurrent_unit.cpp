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
  check_time_major(kName, a.both);
  const std::int64_t frames = a.both.size(0), rows = a.both.size(1), r = a.both.size(2) / 2;
  if (a.both.size(2) != 2 * r) throw Error(kName, ": both must be [T, rows, 2R], not ", a.both.sizes());
  if (a.input_gate.leaf.dim() != 3 || r % a.input_gate.leaf.size(0) != 0) {
    throw Error(kName, ": gates must be [H, D, D] with H a divisor of ", r, ", not ", a.input_gate.leaf.sizes());
  }
  const auto dtype = a.both.scalar_type(), wide = wide_dtype(dtype);
  const std::int64_t blocks = a.input_gate.leaf.size(0);
  for (const Weight& gate : {a.input_gate, a.a_gate}) {
    check_beside(kName, "a gate", gate.leaf, {blocks, r / blocks, r / blocks}, wide, a.both);
    check_beside(kName, "a gate's value", gate.value, gate.leaf.sizes(), dtype, a.both);
  }
  check_beside(kName, "conv_w", a.conv_w, {4, r}, wide, a.both);
  for (const Tensor& parameter : {a.conv_b, a.input_bias, a.a_bias, a.a_param}) {
    check_beside(kName, "a parameter", parameter, {r}, wide, a.both);
  }
  if (a.conv_state.defined()) check_beside(kName, "conv_state", a.conv_state, {rows, 3, r}, dtype, a.both);
  if (a.h0.defined()) check_beside(kName, "h0", a.h0, {rows, r}, wide, a.both);
  if (a.reset.defined()) check_beside(kName, "reset", a.reset, {frames, rows}, at::kBool, a.both);
  if (a.seen.defined()) {
    if (!a.overwrite) throw Error(kName, ": a ring is overwritten or it is none");
    const std::int64_t streams = a.seen.numel();
    check_overwritten(kName, "seen", a.seen, {streams}, at::kLong, a.both);
    if (streams == 0 || rows % streams != 0) throw Error(kName, ": ", rows, " rows of ", streams, " streams");
  }
  if (!a.overwrite) return;
  check_overwritten(kName, "conv_state", a.conv_state, {rows, 3, r}, dtype, a.both);
  check_overwritten(kName, "h0", a.h0, {rows, r}, wide, a.both);
}

// The two branches, [T, rows, R] each, views.
Tensor branch(const Tensor& both, int which) {
  const std::int64_t r = both.size(2) / 2;
  return both.narrow(2, which * r, r);
}

Tensor lines(const Tensor& x) { return x.view({-1, x.size(2)}); }

struct Run {
  CausalConv1dResult conv;
  RgLruArgs lru;
  RgLruOutputs outputs;
};

Run run(const RecurrentUnitArgs& a, bool keep) {
  const Tensor conv_state_out = a.overwrite ? a.conv_state : Tensor();
  Run r{causal_conv1d_forward(branch(a.both, 0), a.conv_w, a.conv_b, a.conv_state, conv_state_out, a.seen), {}, {}};
  const Tensor& x = r.conv.out;
  r.lru = {x,
           block_diagonal_forward(lines(x), a.input_gate.value).view(x.sizes()),
           block_diagonal_forward(lines(x), a.a_gate.value).view(x.sizes()),
           branch(a.both, 1),
           a.input_bias,
           a.a_bias,
           a.a_param,
           a.h0,
           a.reset,
           a.overwrite ? a.h0 : Tensor()};
  r.outputs = rg_lru_forward(r.lru, keep);
  return r;
}

// Everything in one kernel, when it serves these arguments and pays; nothing is left behind for backward.
std::optional<RecurrentUnitResult> run_fused(const RecurrentUnitArgs& a) {
#ifdef TRECVIT_TORCH_CUDA
  if (!a.both.is_cuda() || a.both.scalar_type() != at::kBFloat16) return {};
  const c10::cuda::CUDAGuard guard(a.both.device());
  const std::int64_t frames = a.both.size(0), rows = a.both.size(1), r = a.both.size(2) / 2;
  kernels::RecurrentUnitForward<kernels::Bf16> p;
  p.frames = frames, p.rows = rows, p.channels = r, p.blocks = a.input_gate.value.size(0);
  p.x = data<kernels::Bf16>(a.both), p.y = p.x + r, p.stride = 2 * r;
  p.conv_w = data<float>(a.conv_w), p.conv_b = data<float>(a.conv_b);
  p.input_gate = data<kernels::Bf16>(a.input_gate.value), p.a_gate = data<kernels::Bf16>(a.a_gate.value);
  p.input_bias = data<float>(a.input_bias), p.a_bias = data<float>(a.a_bias), p.a_param = data<float>(a.a_param);
  p.conv_state = data<kernels::Bf16>(a.conv_state), p.ring = conv_ring(a.seen, rows);
  p.h0 = data<float>(a.h0), p.reset = data<std::uint8_t>(a.reset);
  if (!kernels::recurrent_unit_served_cuda(p) || !kernels::recurrent_unit_pays_cuda(p)) return {};
  const RecurrentUnitResult result{
      at::empty({frames, rows, r}, a.both.options()),
      a.overwrite && a.h0.defined() ? a.h0 : at::empty({rows, r}, a.conv_b.options()),
      a.overwrite && a.conv_state.defined() ? a.conv_state : at::empty({rows, 3, r}, a.both.options())};
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
  static variable_list forward(AutogradContext* context, const Tensor& both, const Tensor& conv_w, const Tensor& conv_b,
                               const Tensor& input_gate_leaf, const Tensor& a_gate_leaf, const Tensor& input_bias,
                               const Tensor& a_bias, const Tensor& a_param, const std::optional<Tensor>& conv_state,
                               const std::optional<Tensor>& h0, const Tensor& input_gate, const Tensor& a_gate,
                               const std::optional<Tensor>& reset) {
    const RecurrentUnitArgs a{both,
                              conv_w,
                              conv_b,
                              {input_gate_leaf, input_gate},
                              {a_gate_leaf, a_gate},
                              input_bias,
                              a_bias,
                              a_param,
                              conv_state.value_or(Tensor()),
                              h0.value_or(Tensor()),
                              reset.value_or(Tensor())};
    const Run r = run(a, /*keep=*/true);
    context->set_materialize_grads(false);
    context->save_for_backward({both, conv_w, conv_b, a.conv_state, r.lru.x, r.lru.input_logits, r.lru.a_logits,
                                input_bias, a_bias, a_param, a.h0, a.reset, r.outputs.h, input_gate, a_gate});
    return {r.outputs.out, r.outputs.h_last, r.conv.state};
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto s = context->get_saved_variables();
    const Tensor &both = s[0], &x = s[4], &input_gate = s[13], &a_gate = s[14];
    const Tensor dboth = at::empty_like(both);
    const RgLruArgs lru{x, s[5], s[6], branch(both, 1), s[7], s[8], s[9], s[10], s[11]};
    const Tensor dout = grads[0].defined() ? grads[0].contiguous() : at::zeros_like(x);
    const RgLruGradients g = rg_lru_backward(lru, s[12], dout, contiguous_or_undefined(grads[1]), branch(dboth, 1));
    const Tensor dinput_gate = block_diagonal_weight_gradient(lines(x), lines(g.input_logits), input_gate.size(0));
    const Tensor da_gate = block_diagonal_weight_gradient(lines(x), lines(g.a_logits), a_gate.size(0));
    block_diagonal_add_input_gradient(lines(g.input_logits), input_gate, lines(g.x));
    block_diagonal_add_input_gradient(lines(g.a_logits), a_gate, lines(g.x));
    const CausalConv1dGradients conv = causal_conv1d_backward(branch(both, 0), s[1], s[2], s[3], g.x,
                                                              contiguous_or_undefined(grads[2]), branch(dboth, 0));
    return {dboth,      conv.w, conv.b, dinput_gate, da_gate, g.input_bias, g.a_bias, g.a_param,
            conv.state, g.h0,   {},     {},          {}};
  }
};

}  // namespace

RecurrentUnitResult recurrent_unit(const RecurrentUnitArgs& args) {
  check(args);
  const RecurrentUnitArgs a{args.both.contiguous(),
                            args.conv_w.contiguous(),
                            args.conv_b.contiguous(),
                            {args.input_gate.leaf, args.input_gate.value.contiguous()},
                            {args.a_gate.leaf, args.a_gate.value.contiguous()},
                            args.input_bias.contiguous(),
                            args.a_bias.contiguous(),
                            args.a_param.contiguous(),
                            contiguous_or_undefined(args.conv_state),
                            contiguous_or_undefined(args.h0),
                            contiguous_or_undefined(args.reset),
                            args.overwrite,
                            args.seen};
  if (!gradient_wanted(a.both, a.conv_w, a.conv_b, a.input_gate.leaf, a.a_gate.leaf, a.input_bias, a.a_bias, a.a_param,
                       a.conv_state, a.h0)) {
    if (const auto fused = run_fused(a)) return *fused;
    const Run r = run(a, /*keep=*/false);
    return {r.outputs.out, r.outputs.h_last, r.conv.state};
  }
  if (a.overwrite) throw Error(kName, ": states cannot be overwritten while gradients are recorded");
  const auto results = RecurrentUnit::apply(a.both, a.conv_w, a.conv_b, a.input_gate.leaf, a.a_gate.leaf, a.input_bias,
                                            a.a_bias, a.a_param, optional(a.conv_state), optional(a.h0),
                                            a.input_gate.value, a.a_gate.value, optional(a.reset));
  return {results[0], results[1], results[2]};
}

}  // namespace trecvit::ops
