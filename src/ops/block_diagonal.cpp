#include "ops/block_diagonal.h"

#include "core/error.h"

namespace trecvit::ops {
namespace {

using at::Tensor;

// [M, H*D] seen as [H, M, D].
Tensor by_block(const Tensor& x, std::int64_t blocks) {
  return x.view({x.size(0), blocks, x.size(1) / blocks}).transpose(0, 1);
}

// out[h] = a[h] @ b[h]; strides of all three are free.
void block_products(const Tensor& a, const Tensor& b, Tensor out) {
  if (a.is_cuda()) {
    at::bmm_out(out, a, b);
    return;
  }
  for (std::int64_t h = 0; h < a.size(0); ++h) {
    Tensor slice = out.select(0, h);
    at::mm_out(slice, a.select(0, h), b.select(0, h));
  }
}

class BlockDiagonal : public torch::autograd::Function<BlockDiagonal> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& w) {
    context->save_for_backward({x, w});
    Tensor y = at::empty_like(x);
    block_products(by_block(x, w.size(0)), w, by_block(y, w.size(0)));
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grads) {
    const auto saved = context->get_saved_variables();
    const Tensor x = by_block(saved[0], saved[1].size(0));
    const Tensor& w = saved[1];
    const Tensor dy_rows = grads[0].contiguous();
    const Tensor dy = by_block(dy_rows, w.size(0));
    Tensor dx = at::empty_like(saved[0]);
    block_products(dy, w.transpose(1, 2), by_block(dx, w.size(0)));
    Tensor dw = at::empty_like(w);
    block_products(x.transpose(1, 2), dy, dw);
    return {dx, dw};
  }
};

}  // namespace

Tensor block_diagonal(const Tensor& x, const Tensor& w) {
  ensure(x.dim() == 2 && w.dim() == 3 && w.size(1) == w.size(2) && x.size(1) == w.size(0) * w.size(1),
         "block_diagonal: x ", x.sizes(), " does not fit w ", w.sizes());
  return BlockDiagonal::apply(x.contiguous(), w.contiguous());
}

}  // namespace trecvit::ops
