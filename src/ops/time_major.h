// Shared by the fused temporal ops: views whose rows may be strided, and the match from dtypes to kernel element
// types.
#pragma once

#include <torch/torch.h>

#include <optional>
#include <type_traits>

#include "core/error.h"
#include "kernels/element.h"
#include "kernels/stream_rows.h"
#include "ops/stream_positions.h"

namespace trecvit::ops {

// A [T, rows, R] tensor as kernels see it: channels adjacent, all T*rows lines at one distance.
struct TimeMajor {
  at::Tensor tensor;
  std::int64_t stride;  // elements from one row to the next
};

// Copies only when the strides do not allow the view.
inline TimeMajor time_major(const at::Tensor& x) {
  const std::int64_t frames = x.size(0), rows = x.size(1), channels = x.size(2);
  const std::int64_t stride = rows > 1 ? x.stride(1) : frames > 1 ? x.stride(0) : channels;
  const bool even = frames == 1 || rows == 1 || x.stride(0) == rows * stride;
  if (even && (channels == 1 || x.stride(2) == 1) && stride >= channels) return {x, stride};
  return {x.contiguous(), channels};
}

// torch's memory as the kernels' type.
template <class Io>
Io* data(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<Io*>(tensor.data_ptr()) : nullptr;
}

// The rows of a step in the states of its streams; of clips, where positions know no streams, row by row.
inline kernels::StreamRows stream_rows(const StreamPositions& positions, std::int64_t rows) {
  if (!positions.frames_before.defined()) return {};
  return {.slots = data<std::int64_t>(positions.slots),
          .frames_before = data<std::int64_t>(positions.frames_before),
          .tokens = static_cast<std::uint32_t>(rows / positions.frames_before.numel())};
}

// The dtype of parameters, states and sums beside tensors of `dtype`.
inline at::ScalarType wide_dtype(at::ScalarType dtype) { return dtype == at::kDouble ? at::kDouble : at::kFloat; }

// Calls f(Io{}) with the element type of `x`: float, Bf16, or on the CPU double.
template <class F>
void with_element_type(const at::Tensor& x, F&& f) {
  switch (x.scalar_type()) {
    case at::kFloat:
      f(float{});
      break;
    case at::kBFloat16:
      f(kernels::Bf16{});
      break;
    default:
      f(double{});
      break;
  }
}

// Error unless the kernels serve the dtype and the device of `x`.
inline void check_served(const char* op, const at::Tensor& x) {
  const auto dtype = x.scalar_type();
  const bool served = dtype == at::kFloat || dtype == at::kBFloat16 || (dtype == at::kDouble && x.is_cpu());
  if (!served) throw Error(op, ": x is ", dtype, " on ", x.device(), "; it must be fp32 or bf16 (or fp64 on the CPU)");
  if (!x.is_cpu() && !x.is_cuda()) throw Error(op, ": x is on ", x.device(), "; only cpu and cuda are served");
#ifndef TRECVIT_TORCH_CUDA
  if (!x.is_cpu()) throw Error(op, ": x is on ", x.device(), ", but this build has no CUDA kernels");
#endif
}

// Error unless `x` is a [T, rows, R] tensor that the kernels serve.
inline void check_time_major(const char* op, const at::Tensor& x) {
  if (!x.defined() || x.dim() != 3 || x.numel() == 0) {
    throw Error(op, ": x must be a tensor [T, rows, R] with T, rows, R >= 1",
                x.defined() ? text("; its shape is ", x.sizes()) : "; it is undefined");
  }
  check_served(op, x);
}

// Error unless `tensor` has this shape and dtype and lies beside x.
inline void check_beside(const char* op, const char* name, const at::Tensor& tensor, at::IntArrayRef shape,
                         at::ScalarType dtype, const at::Tensor& x) {
  if (!tensor.defined()) throw Error(op, ": ", name, " is undefined; it must be ", dtype, " ", shape);
  if (tensor.sizes() == shape && tensor.scalar_type() == dtype && tensor.device() == x.device()) return;
  throw Error(op, ": ", name, " is ", tensor.scalar_type(), " ", tensor.sizes(), " on ", tensor.device(),
              "; it must be ", dtype, " ", shape, " on ", x.device());
}

// The same for a tensor that the kernels overwrite.
inline void check_overwritten(const char* op, const char* name, const at::Tensor& tensor, at::IntArrayRef shape,
                              at::ScalarType dtype, const at::Tensor& x) {
  check_beside(op, name, tensor, shape, dtype, x);
  if (!tensor.is_contiguous()) throw Error(op, ": ", name, " is to be overwritten and must be contiguous");
}

// Whether autograd would want a gradient through an op of these tensors.
template <class... Tensors>
bool gradient_wanted(const Tensors&... tensors) {
  return at::GradMode::is_enabled() && ((tensors.defined() && tensors.requires_grad()) || ...);
}

// autograd takes no undefined tensors, but empty optionals.
inline std::optional<at::Tensor> optional(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional<at::Tensor>(tensor) : std::nullopt;
}

inline at::Tensor contiguous_or_undefined(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.contiguous() : tensor;
}

}  // namespace trecvit::ops
