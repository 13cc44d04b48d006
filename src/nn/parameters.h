// Every trainable number of a model, in one flat fp32 buffer with a flat gradient beside it.
//
// Kernels load 16 bytes at a time, so every leaf begins at a multiple of kAlignment elements. The elements between two
// leaves are zeros: they have no gradient, so the norm does not see them and AdamW leaves them at zero. Files know leaves
// by name and never see them.
//
// Layers declare leaves; some leaves hold several official tensors side by side (query, key and value as one matrix), so
// that one product serves them. Files and reports see the official names of docs/model.md through `parts`.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "core/rng.h"
#include "ops/linear.h"

namespace trecvit::nn {

using at::Tensor;

// One value of an initial distribution.
using Init = std::function<float(Rng&)>;
Init zeros();
Init normal(double standard_deviation);
Init uniform(double limit);  // in [-limit, limit)
// a_param of the RG-LRU: radius^2 uniform in [min^2, max^2], a_param = log(exp(-log radius) - 1), the inverse softplus of
// -log radius (recurrentgemma, rg_lru initialisation).
Init lru_radius(double min_radius, double max_radius);

// An official tensor inside a leaf.
struct Part {
  std::string name;                   // "encoder/encoderblock_0/MlpBlock_0/Dense_0/kernel"
  std::vector<std::int64_t> shape;    // the official shape
  std::vector<std::int64_t> strides;  // in elements of the leaf
  std::int64_t offset = 0;
  Init init;

  Tensor of(const Tensor& leaf) const { return leaf.as_strided(shape, strides, leaf.storage_offset() + offset); }
};

class ParameterStore;

struct Parameter {
  std::vector<std::int64_t> shape;
  bool decay = false;  // weight decay applies (kernels; not biases, norms, a_param, positions)
  std::vector<Part> parts;
  Tensor value;  // fp32 leaf, a view of the flat buffer; its grad is a view of the flat gradient

  // The value in the dtype of the computation. While gradients are recorded the cast is part of the graph.
  Tensor in(at::ScalarType dtype) const;
  // For ops that take leaf and value apart, and need no cast in the graph.
  ops::Weight weight(at::ScalarType dtype) const;

 private:
  friend class ParameterStore;
  Tensor cast(at::ScalarType dtype) const;

  const ParameterStore* store_ = nullptr;
  std::int64_t offset_ = 0;  // in the flat buffer
};

class ParameterStore {
 public:
  static constexpr std::int64_t kAlignment = 8;  // elements; 16 bytes of bf16

  ParameterStore() = default;
  ParameterStore(const ParameterStore&) = delete;
  ParameterStore& operator=(const ParameterStore&) = delete;

  // A leaf that is one official tensor.
  Parameter* add(const std::string& name, std::vector<std::int64_t> shape, bool decay, Init init);
  // A leaf [rows, sum of columns] that holds `names.size()` official tensors, each [rows, columns] reshaped to `official`.
  // rows = 1 declares a bias.
  Parameter* add_columns(const std::vector<std::string>& names, std::int64_t rows, std::int64_t columns,
                         std::vector<std::int64_t> official, bool decay, Init init);

  // Allocates the flat buffers, of zeros, on the device; decayed leaves stand first.
  void allocate(at::Device device);
  // Draws every part from its own stream, keyed by (seed, official name): independent of order and threads.
  void initialise(std::uint64_t seed);

  const std::deque<Parameter>& all() const { return parameters_; }
  std::int64_t count() const;          // parameters; `flat` may have more elements
  std::int64_t decayed_count() const;  // the first so many elements of `flat` decay
  Tensor flat() const { return flat_; }
  Tensor flat_grad() const { return grad_; }
  // Copies `flat` in another dtype, in one pass, always to the same address; nothing to do in fp32 or when the parameters
  // are as they were at the last copy.
  void cast(at::ScalarType dtype);
  // That copy. Changes nothing. InternalError: the parameters have changed since cast().
  const Tensor& flat_as(at::ScalarType dtype) const;

 private:
  std::deque<Parameter> parameters_;  // addresses stay
  Tensor flat_, grad_;
  Tensor copy_;
  std::int64_t copy_version_ = -1;  // of flat_ when it was copied
};

}  // namespace trecvit::nn
