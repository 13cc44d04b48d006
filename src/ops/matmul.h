// The matrix products of linear maps and what can be had in the same pass, without a graph: cuBLASLt's epilogues on the
// GPU, LibTorch elsewhere. Letters: M rows. Tensors are contiguous; x, y, kernel and bias have one dtype.
#pragma once

#include <torch/torch.h>

namespace trecvit::ops {

// Whether kernel and bias may be read before the kernel in front has ended (programmatic dependent launch). They may when
// nothing that is now on the GPU wrote them: those of a model that does not train.
enum class Weights { kPrefetchable, kAnyAge };

// x [M, in] kernel [in, out] + bias [out] + residual [M, out] (undefined: none) -> [M, out].
at::Tensor affine(const at::Tensor& x, const at::Tensor& kernel, const at::Tensor& bias, const at::Tensor& residual,
                  Weights age);

// x [F, n, in] kernel [in, out] + bias [out] + addend [n, out], the same for all F, into the rows 1 to n of
// y [F, n + 1, out], whose rows 0 are left alone. False, with nothing done, where x is not on a GPU or the library has no
// such product. Weights are old.
bool linear_into_patch_rows_gpu(const at::Tensor& x, const at::Tensor& kernel, const at::Tensor& bias,
                             const at::Tensor& addend, const at::Tensor& y);

// gelu_tanh(x kernel + bias). `argument`, unless null, receives what gelu was given.
at::Tensor affine_gelu(const at::Tensor& x, const at::Tensor& kernel, const at::Tensor& bias, at::Tensor* argument,
                       Weights age);

// The gradient of x [M, in] from that of y, dy [M, out].
at::Tensor input_gradient(const at::Tensor& dy, const at::Tensor& kernel);

// The same, where x was gelu_tanh(argument): the gradient of argument [M, in].
at::Tensor input_gradient_before_gelu(const at::Tensor& dy, const at::Tensor& kernel, const at::Tensor& argument);

struct WeightGradients {
  at::Tensor kernel;  // [in, out] fp32 (fp64): x' dy
  at::Tensor bias;    // [out]: the sums of dy's columns
};
WeightGradients weight_gradients(const at::Tensor& x, const at::Tensor& dy);

// x [M, R] and dy [M, R] in blocks of D = R / blocks channels: x' dy of each, [blocks, D, D] fp32. Undefined where x is
// not on a GPU, or the library has no such product.
at::Tensor block_weight_gradient_gpu(const at::Tensor& x, const at::Tensor& dy, std::int64_t blocks);

}  // namespace trecvit::ops
