#include "ops/matmul.h"

#include "ops/time_major.h"
#ifdef TRECVIT_TORCH_CUDA
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "kernels/architecture.h"
#include "kernels/column_sums/column_sums_cuda.h"
#include "kernels/matmul/matmul_cuda.h"
#endif

namespace trecvit::ops {
namespace {

using at::Tensor;

#ifdef TRECVIT_TORCH_CUDA
using kernels::MatmulEpilogue;
using kernels::MatmulParams;

// A contiguous tensor as the library sees it.
template <class T>
kernels::Matrix<T> matrix(const Tensor& tensor) {
  return {data<std::remove_const_t<T>>(tensor), tensor.size(1)};
}

// False: the library has no such product, or the GPU none of bf16.
template <class In, class Out>
bool multiply(const MatmulParams<In, Out>& p, const Tensor& beside) {
  const c10::cuda::CUDAGuard guard(beside.device());
  if (sizeof(In) == 2 && kernels::architecture() < 80) return false;
  const Tensor workspace =
      at::empty({static_cast<std::int64_t>(kernels::kMatmulWorkspace)}, beside.options().dtype(at::kByte));
  return kernels::matmul_cuda(p, workspace.data_ptr(), c10::cuda::getCurrentCUDAStream());
}

// f(Io{}) with the element type of a tensor on the GPU.
template <class F>
bool with_gpu_type(const Tensor& x, const F& f) {
  return x.scalar_type() == at::kBFloat16 ? f(kernels::Bf16{}) : f(float{});
}

// x kernel -> y
template <class Io>
MatmulParams<Io, Io> forward(const Tensor& x, const Tensor& kernel, const Tensor& y) {
  MatmulParams<Io, Io> p{.rows = x.size(0), .columns = kernel.size(1), .inner = kernel.size(0)};
  p.a = matrix<const Io>(x), p.b = matrix<const Io>(kernel), p.d = matrix<Io>(y);
  return p;
}

// dy kernel' -> dx
template <class Io>
MatmulParams<Io, Io> backward(const Tensor& dy, const Tensor& kernel, const Tensor& dx) {
  MatmulParams<Io, Io> p{.rows = dy.size(0), .columns = kernel.size(0), .inner = kernel.size(1)};
  p.a = matrix<const Io>(dy), p.b = matrix<const Io>(kernel), p.transpose_b = true, p.d = matrix<Io>(dx);
  return p;
}

template <class Io>
void sum_columns(const Tensor& x, const Tensor& sums) {
  const c10::cuda::CUDAGuard guard(x.device());
  const Tensor partials = at::empty({kernels::column_sums_partials_cuda(x.size(0), x.size(1))}, sums.options());
  kernels::column_sums_cuda<Io>({x.size(0), x.size(1), data<Io>(x), data<float>(sums), data<float>(partials)},
                                c10::cuda::getCurrentCUDAStream());
}

// The library's GELU may use the fast hyperbolic tangent, whose error fp32 would show.
bool gelu_in_product(const Tensor& x) { return x.is_cuda() && x.scalar_type() == at::kBFloat16; }
#endif

}  // namespace

Tensor affine(const Tensor& x, const Tensor& kernel, const Tensor& bias, const Tensor& residual, Weights age) {
  (void)age;
#ifdef TRECVIT_TORCH_CUDA
  if (x.is_cuda()) {
    const Tensor y = at::empty({x.size(0), kernel.size(1)}, x.options());
    const bool done = with_gpu_type(x, [&]<class Io>(Io) {
      auto p = forward<Io>(x, kernel, y);
      p.epilogue = MatmulEpilogue::kBias, p.bias = data<Io>(bias), p.weights_are_old = age == Weights::kPrefetchable;
      if (residual.defined()) p.c = matrix<const Io>(residual);
      return multiply(p, x);
    });
    if (done) return y;
  }
#endif
  const Tensor product = at::addmm(bias, x, kernel);
  return residual.defined() ? product + residual : product;
}

bool linear_into_patch_rows_gpu(const Tensor& x, const Tensor& kernel, const Tensor& bias, const Tensor& addend,
                             const Tensor& y) {
#ifdef TRECVIT_TORCH_CUDA
  if (x.is_cuda()) {
    return with_gpu_type(x, [&]<class Io>(Io) {
      const std::int64_t frames = x.size(0), n = x.size(1), in = kernel.size(0), out = kernel.size(1);
      MatmulParams<Io, Io> p{.batch = frames, .rows = n, .columns = out, .inner = in};
      p.a = {data<Io>(x), in, n * in}, p.b = matrix<const Io>(kernel);
      p.d = {data<Io>(y) + out, out, (n + 1) * out};
      Tensor sum = addend;
      if (frames == 1) {
        p.epilogue = MatmulEpilogue::kBias, p.bias = data<Io>(bias), p.weights_are_old = true;
      } else {
        sum = addend + bias;  // several products have no bias of their own
      }
      p.c = matrix<const Io>(sum);
      return multiply(p, x);
    });
  }
#else
  (void)x, (void)kernel, (void)bias, (void)addend, (void)y;
#endif
  return false;
}

Tensor affine_gelu(const Tensor& x, const Tensor& kernel, const Tensor& bias, Tensor* argument, Weights age) {
#ifdef TRECVIT_TORCH_CUDA
  if (gelu_in_product(x)) {
    const Tensor y = at::empty({x.size(0), kernel.size(1)}, x.options());
    if (argument) *argument = at::empty_like(y);
    auto p = forward<kernels::Bf16>(x, kernel, y);
    p.epilogue = MatmulEpilogue::kBiasGelu, p.bias = data<kernels::Bf16>(bias);
    p.weights_are_old = age == Weights::kPrefetchable;
    if (argument) p.aux = data<kernels::Bf16>(*argument);
    if (multiply(p, x)) return y;
  }
#endif
  const Tensor before = affine(x, kernel, bias, {}, age);
  if (argument) *argument = before;
  return at::gelu(before, "tanh");
}

Tensor input_gradient(const Tensor& dy, const Tensor& kernel) {
#ifdef TRECVIT_TORCH_CUDA
  if (dy.is_cuda()) {
    const Tensor dx = at::empty({dy.size(0), kernel.size(0)}, dy.options());
    if (with_gpu_type(dy, [&]<class Io>(Io) { return multiply(backward<Io>(dy, kernel, dx), dy); })) return dx;
  }
#endif
  return at::mm(dy, kernel.t());
}

Tensor input_gradient_before_gelu(const Tensor& dy, const Tensor& kernel, const Tensor& argument) {
#ifdef TRECVIT_TORCH_CUDA
  if (gelu_in_product(dy)) {
    const Tensor dx = at::empty({dy.size(0), kernel.size(0)}, dy.options());
    auto p = backward<kernels::Bf16>(dy, kernel, dx);
    p.epilogue = MatmulEpilogue::kGeluSlope, p.aux = data<kernels::Bf16>(argument);
    if (multiply(p, dy)) return dx;
  }
#endif
  return at::gelu_backward(input_gradient(dy, kernel), argument, "tanh");
}

WeightGradients weight_gradients(const Tensor& x, const Tensor& dy) {
  const auto wide = wide_dtype(x.scalar_type());
#ifdef TRECVIT_TORCH_CUDA
  if (x.is_cuda()) {
    const WeightGradients g{at::empty({x.size(1), dy.size(1)}, x.options().dtype(wide)),
                            at::empty({dy.size(1)}, x.options().dtype(wide))};
    const bool done = with_gpu_type(x, [&]<class Io>(Io) {
      sum_columns<Io>(dy, g.bias);
      MatmulParams<Io, float> p{.rows = x.size(1), .columns = dy.size(1), .inner = x.size(0)};
      p.a = matrix<const Io>(x), p.transpose_a = true, p.b = matrix<const Io>(dy), p.d = matrix<float>(g.kernel);
      return multiply(p, x);
    });
    if (done) return g;
  }
#endif
  return {at::mm(x.t(), dy).to(wide), dy.sum(0, /*keepdim=*/false, wide)};
}

Tensor block_weight_gradient_gpu(const Tensor& x, const Tensor& dy, std::int64_t blocks) {
#ifdef TRECVIT_TORCH_CUDA
  if (x.is_cuda()) {
    const std::int64_t width = x.size(1), d = width / blocks;
    const Tensor dw = at::empty({blocks, d, d}, x.options().dtype(at::kFloat));
    const bool done = with_gpu_type(x, [&]<class Io>(Io) {
      MatmulParams<Io, float> p{.batch = blocks, .rows = d, .columns = d, .inner = x.size(0)};
      p.a = {data<Io>(x), width, d}, p.transpose_a = true;
      p.b = {data<Io>(dy), width, d}, p.d = {data<float>(dw), d, d * d};
      return multiply(p, x);
    });
    if (done) return dw;
  }
#else
  (void)x, (void)dy, (void)blocks;
#endif
  return {};
}

}  // namespace trecvit::ops
