#include "model/state.h"

#include <cstdio>

#include "core/error.h"
#include "model/tensors.h"

namespace trecvit {
namespace {

bool is_ring(const at::Tensor& tensor) { return tensor.dim() == 3; }

// The lines of a ring [B*N, K, .] from the oldest on, for gather and scatter.
at::Tensor lines_in_time(const at::Tensor& ring, const at::Tensor& frames) {
  const std::int64_t streams = frames.size(0), rows = ring.size(0), length = ring.size(1);
  const at::Tensor lines = (frames.unsqueeze(1) + at::arange(length, frames.options())).remainder(length);
  return lines.unsqueeze(1).expand({streams, rows / streams, length}).reshape({rows, length, 1}).expand(ring.sizes());
}

std::string layer_name(std::size_t layer, std::size_t tensor) {
  char name[64];
  std::snprintf(name, sizeof name, "layer_%02zu/%zu", layer, tensor);
  return name;
}

}  // namespace

std::int64_t ModelState::bytes_moved() const {
  std::int64_t total = 0;
  for (const auto& layer : layers)
    for (const auto& t : layer.tensors) {
      const auto all = static_cast<std::int64_t>(t.nbytes());
      total += all + (is_ring(t) ? all / t.size(1) : all);
    }
  return total;
}

void ModelState::reset(std::int64_t stream) {
  ensure(stream >= 0 && stream < streams(), "stream ", stream, " of ", streams());
  for (auto& layer : layers)
    for (auto& t : layer.tensors) {
      const std::int64_t rows = t.size(0) / streams();
      t.narrow(0, stream * rows, rows).zero_();
    }
  head_sum.select(0, stream).zero_();
  frames.select(0, stream).zero_();
}

ModelState ModelState::clone() const {
  ModelState copy = *this;
  for (auto& layer : copy.layers)
    for (auto& t : layer.tensors) t = t.clone();
  copy.head_sum = head_sum.clone();
  copy.frames = frames.clone();
  return copy;
}

ModelState ModelState::first(std::int64_t count) const {
  ensure(count >= 1 && count <= streams(), count, " streams of ", streams());
  ModelState part = *this;
  for (auto& layer : part.layers)
    for (auto& t : layer.tensors) t = t.narrow(0, 0, t.size(0) / streams() * count);
  part.head_sum = head_sum.narrow(0, 0, count);
  part.frames = frames.narrow(0, 0, count);
  return part;
}

at::Tensor ModelState::in_order(const at::Tensor& tensor) const {
  return is_ring(tensor) ? at::gather(tensor, 1, lines_in_time(tensor, frames)) : tensor.clone();
}

NamedArrays ModelState::save() const {
  NamedArrays arrays;
  for (std::size_t i = 0; i < layers.size(); ++i)
    for (std::size_t k = 0; k < layers[i].tensors.size(); ++k)
      arrays[layer_name(i, k)] = to_array(in_order(layers[i].tensors[k]));
  arrays["head_sum"] = to_array(head_sum);
  arrays["frames"] = to_array(frames);
  return arrays;
}

void ModelState::load(const NamedArrays& arrays) {
  const auto fill = [&](const std::string& name, at::Tensor into) {
    const auto found = arrays.find(name);
    if (found == arrays.end()) throw Error("the saved state has no '", name, "'; it belongs to another model");
    if (found->second.shape != into.sizes().vec())
      throw Error("'", name, "' of the saved state has the shape ", shape_text(found->second.shape),
                  "; this model wants ", shape_text(into.sizes().vec()));
    into.copy_(to_tensor(found->second));
  };
  fill("head_sum", head_sum);
  fill("frames", frames);
  for (std::size_t i = 0; i < layers.size(); ++i)
    for (std::size_t k = 0; k < layers[i].tensors.size(); ++k) {
      at::Tensor& tensor = layers[i].tensors[k];
      fill(layer_name(i, k), tensor);
      if (is_ring(tensor)) tensor.scatter_(1, lines_in_time(tensor, frames), tensor.clone());
    }
}

}  // namespace trecvit
