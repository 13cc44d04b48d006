#include "ops/linear.h"

#include "ops/matmul.h"
#include "ops/time_major.h"

namespace trecvit::ops {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

void check_linear(const char* op, const Tensor& x, std::int64_t in, const LinearWeights& w) {
  if (w.kernel.leaf.dim() != 2) throw Error(op, ": a kernel must be [in, out], not ", w.kernel.leaf.sizes());
  const std::int64_t out = w.kernel.leaf.size(1);
  const auto dtype = x.scalar_type(), wide = wide_dtype(dtype);
  check_beside(op, "kernel", w.kernel.leaf, {in, out}, wide, x);
  check_beside(op, "kernel's value", w.kernel.value, {in, out}, dtype, x);
  check_beside(op, "bias", w.bias.leaf, {out}, wide, x);
  check_beside(op, "bias's value", w.bias.value, {out}, dtype, x);
}

std::vector<std::int64_t> with_last(const Tensor& x, std::int64_t last) {
  auto shape = x.sizes().vec();
  shape.back() = last;
  return shape;
}

Tensor rows_of(const Tensor& x) { return x.reshape({-1, x.size(-1)}).contiguous(); }

// y = x W + b + residual. Saves x; backward hands dy to the residual as it is.
class Linear : public torch::autograd::Function<Linear> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& kernel_leaf, const Tensor& bias_leaf,
                        const Tensor& kernel, const Tensor& bias, const std::optional<Tensor>& residual) {
    (void)kernel_leaf, (void)bias_leaf;
    context->save_for_backward({x, kernel});
    context->saved_data["residual"] = residual.has_value();
    return affine(x, kernel, bias, residual.value_or(Tensor()), Weights::kAnyAge);
  }
  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto s = context->get_saved_variables();
    const Tensor dy = grads[0].contiguous();
    const WeightGradients w = weight_gradients(s[0], dy);
    const Tensor dx = context->needs_input_grad(0) ? input_gradient(dy, s[1]) : Tensor();
    return {dx, w.kernel, w.bias, {}, {}, context->saved_data["residual"].toBool() ? dy : Tensor()};
  }
};

// skip = x, out = norm(x) W + b. Saves x and the rows' statistics; norm(x) is made again on the way back.
class NormLinear : public torch::autograd::Function<NormLinear> {
 public:
  static variable_list forward(AutogradContext* context, const Tensor& x, std::int64_t kind, const Tensor& scale,
                               const std::optional<Tensor>& norm_bias, const Tensor& kernel_leaf,
                               const Tensor& bias_leaf, const Tensor& kernel, const Tensor& bias) {
    (void)kernel_leaf, (void)bias_leaf;
    const Norm norm{static_cast<NormKind>(kind), scale, norm_bias.value_or(Tensor())};
    NormStatistics statistics;
    const Tensor out = affine(norm_forward(x, norm, &statistics), kernel, bias, {}, Weights::kAnyAge);
    context->set_materialize_grads(false);
    context->saved_data["kind"] = kind;
    context->save_for_backward({x, scale, norm.bias, statistics.mean, statistics.inverse, kernel});
    return {x, out};
  }
  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto s = context->get_saved_variables();
    const Norm norm{static_cast<NormKind>(context->saved_data["kind"].toInt()), s[1], s[2]};
    const Tensor dskip = contiguous_or_undefined(grads[0]);
    if (!grads[1].defined()) return {dskip, {}, {}, {}, {}, {}, {}, {}};
    const Tensor dout = grads[1].contiguous();
    const NormGradients g = norm_backward(s[0], norm, {s[3], s[4]}, input_gradient(dout, s[5]), dskip, /*want_y=*/true);
    const WeightGradients w = weight_gradients(g.y, dout);
    return {g.x, {}, g.scale, g.bias, w.kernel, w.bias, {}, {}};
  }
};

// y = x + gelu(norm(x) W0 + b0) W1 + b1. Saves x, the rows' statistics and the argument of gelu.
class NormMlp : public torch::autograd::Function<NormMlp> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, std::int64_t kind, const Tensor& scale,
                        const std::optional<Tensor>& norm_bias, const Tensor& up_kernel_leaf,
                        const Tensor& up_bias_leaf, const Tensor& down_kernel_leaf, const Tensor& down_bias_leaf,
                        const Tensor& up_kernel, const Tensor& up_bias, const Tensor& down_kernel,
                        const Tensor& down_bias) {
    (void)up_kernel_leaf, (void)up_bias_leaf, (void)down_kernel_leaf, (void)down_bias_leaf;
    const Norm norm{static_cast<NormKind>(kind), scale, norm_bias.value_or(Tensor())};
    NormStatistics statistics;
    Tensor argument;
    const Tensor hidden = affine_gelu(norm_forward(x, norm, &statistics), up_kernel, up_bias, &argument, Weights::kAnyAge);
    context->saved_data["kind"] = kind;
    context->save_for_backward({x, scale, norm.bias, statistics.mean, statistics.inverse, argument, up_kernel, down_kernel});
    return affine(hidden, down_kernel, down_bias, x, Weights::kAnyAge);
  }
  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto s = context->get_saved_variables();
    const Norm norm{static_cast<NormKind>(context->saved_data["kind"].toInt()), s[1], s[2]};
    const Tensor dy = grads[0].contiguous(), &argument = s[5];
    const WeightGradients down = weight_gradients(at::gelu(argument, "tanh"), dy);
    const Tensor dargument = input_gradient_before_gelu(dy, s[7], argument);
    const NormGradients g =
        norm_backward(s[0], norm, {s[3], s[4]}, input_gradient(dargument, s[6]), dy, /*want_y=*/true);
    const WeightGradients up = weight_gradients(g.y, dargument);
    return {g.x, {}, g.scale, g.bias, up.kernel, up.bias, down.kernel, down.bias, {}, {}, {}, {}};
  }
};

}  // namespace

Tensor linear(const Tensor& x, const LinearWeights& w, const Tensor& residual) {
  check_served("linear", x);
  check_linear("linear", x, x.size(-1), w);
  const auto shape = with_last(x, w.kernel.leaf.size(1));
  if (residual.defined()) check_beside("linear", "residual", residual, shape, x.scalar_type(), x);
  const Tensor rows = rows_of(x), sum = residual.defined() ? rows_of(residual) : residual;
  const Tensor y = gradient_wanted(x, residual, w.kernel.leaf, w.bias.leaf)
                       ? Linear::apply(rows, w.kernel.leaf, w.bias.leaf, w.kernel.value, w.bias.value, optional(sum))
                       : affine(rows, w.kernel.value, w.bias.value, sum, Weights::kPrefetchable);
  return y.view(shape);
}

SkipAndOut norm_linear(const Tensor& x, const Norm& norm, const LinearWeights& w) {
  check_norm("norm_linear", x, norm);
  check_linear("norm_linear", x, x.size(-1), w);
  const auto shape = with_last(x, w.kernel.leaf.size(1));
  const Tensor rows = rows_of(x);
  if (!gradient_wanted(x, norm.scale, norm.bias, w.kernel.leaf, w.bias.leaf)) {
    const Tensor out = affine(norm_forward(rows, norm, nullptr), w.kernel.value, w.bias.value, {}, Weights::kPrefetchable);
    return {x, out.view(shape)};
  }
  const auto both = NormLinear::apply(rows, static_cast<std::int64_t>(norm.kind), norm.scale, optional(norm.bias),
                                      w.kernel.leaf, w.bias.leaf, w.kernel.value, w.bias.value);
  return {both[0].view(x.sizes()), both[1].view(shape)};
}

Tensor norm_mlp(const Tensor& x, const Norm& norm, const LinearWeights& up, const LinearWeights& down) {
  check_norm("norm_mlp", x, norm);
  check_linear("norm_mlp", x, x.size(-1), up);
  check_linear("norm_mlp", x, up.kernel.leaf.size(1), down);
  check_beside("norm_mlp", "down's bias", down.bias.leaf, {x.size(-1)}, wide_dtype(x.scalar_type()), x);
  const Tensor rows = rows_of(x);
  const bool learns =
      gradient_wanted(x, norm.scale, norm.bias, up.kernel.leaf, up.bias.leaf, down.kernel.leaf, down.bias.leaf);
  if (!learns) {
    const Tensor y = norm_forward(rows, norm, nullptr);
    const Tensor hidden = affine_gelu(y, up.kernel.value, up.bias.value, nullptr, Weights::kPrefetchable);
    return affine(hidden, down.kernel.value, down.bias.value, rows, Weights::kPrefetchable).view(x.sizes());
  }
  return NormMlp::apply(rows, static_cast<std::int64_t>(norm.kind), norm.scale, optional(norm.bias), up.kernel.leaf,
                        up.bias.leaf, down.kernel.leaf, down.bias.leaf, up.kernel.value, up.bias.value,
                        down.kernel.value, down.bias.value)
      .view(x.sizes());
}

}  // namespace trecvit::ops
