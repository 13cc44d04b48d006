#include "ops/block_diagonal.h"

#include "core/error.h"
#include "ops/matmul.h"
#include "ops/time_major.h"

namespace trecvit::ops {
namespace {

using at::Tensor;

// [M, H*D] seen as [H, M, D].
Tensor by_block(const Tensor& x, std::int64_t blocks) {
  return x.view({x.size(0), blocks, x.size(1) / blocks}).transpose(0, 1);
}

// out[h] = a[h] @ b[h], or out[h] += that; strides of all three are free.
void block_products(const Tensor& a, const Tensor& b, Tensor out, bool add = false) {
  if (a.is_cuda()) {
    add ? at::baddbmm_out(out, out, a, b) : at::bmm_out(out, a, b);
    return;
  }
  for (std::int64_t h = 0; h < a.size(0); ++h) {
    Tensor slice = out.select(0, h);
    add ? slice.addmm_(a.select(0, h), b.select(0, h)) : at::mm_out(slice, a.select(0, h), b.select(0, h));
  }
}

class BlockDiagonal : public torch::autograd::Function<BlockDiagonal> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& w) {
    context->save_for_backward({x, w});
    return block_diagonal_forward(x, w);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grads) {
    const auto saved = context->get_saved_variables();
    const Tensor& w = saved[1];
    const Tensor dy_rows = grads[0].contiguous();
    const Tensor dy = by_block(dy_rows, w.size(0));
    Tensor dx = at::empty_like(saved[0]);
    block_products(dy, w.transpose(1, 2), by_block(dx, w.size(0)));
    return {dx, block_diagonal_weight_gradient(saved[0], dy_rows, w.size(0)).to(w.scalar_type())};
  }
};

}  // namespace

Tensor block_diagonal_forward(const Tensor& x, const Tensor& w) {
  Tensor y = at::empty_like(x);
  block_products(by_block(x, w.size(0)), w, by_block(y, w.size(0)));
  return y;
}

void block_diagonal_add_input_gradient(const Tensor& dy, const Tensor& w, const Tensor& dx) {
  block_products(by_block(dy, w.size(0)), w.transpose(1, 2), by_block(dx, w.size(0)), /*add=*/true);
}

Tensor block_diagonal_weight_gradient(const Tensor& x, const Tensor& dy, std::int64_t blocks) {
  const Tensor on_gpu = block_weight_gradient_gpu(x, dy, blocks);
  if (on_gpu.defined()) return on_gpu;
  const std::int64_t d = x.size(1) / blocks;
  Tensor dw = at::empty({blocks, d, d}, x.options());
  block_products(by_block(x, blocks).transpose(1, 2), by_block(dy, blocks), dw);
  return dw.to(wide_dtype(x.scalar_type()));
}

Tensor block_diagonal(const Tensor& x, const Tensor& w) {
  ensure(x.dim() == 2 && w.dim() == 3 && w.size(1) == w.size(2) && x.size(1) == w.size(0) * w.size(1),
         "block_diagonal: x ", x.sizes(), " does not fit w ", w.sizes());
  return BlockDiagonal::apply(x.contiguous(), w.contiguous());
}

}  // namespace trecvit::ops
