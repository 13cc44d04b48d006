#include "model/state.h"

#include <cstdio>

#include "core/error.h"
#include "model/tensors.h"

namespace trecvit {
namespace {

std::string layer_name(std::size_t layer, std::size_t tensor) {
  char name[64];
  std::snprintf(name, sizeof name, "layer_%02zu/%zu", layer, tensor);
  return name;
}

}  // namespace

std::int64_t ModelState::bytes() const {
  std::int64_t total = 0;
  for (const auto& layer : layers)
    for (const auto& t : layer.tensors) total += static_cast<std::int64_t>(t.nbytes());
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

NamedArrays ModelState::save() const {
  NamedArrays arrays;
  for (std::size_t i = 0; i < layers.size(); ++i)
    for (std::size_t k = 0; k < layers[i].tensors.size(); ++k)
      arrays[layer_name(i, k)] = to_array(layers[i].tensors[k]);
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
  for (std::size_t i = 0; i < layers.size(); ++i)
    for (std::size_t k = 0; k < layers[i].tensors.size(); ++k) fill(layer_name(i, k), layers[i].tensors[k]);
  fill("head_sum", head_sum);
  fill("frames", frames);
}

at::Tensor ModelState::fresh_rows() const {
  const std::int64_t rows = layers.front().tensors.front().size(0) / streams();
  return frames.unsqueeze(1).expand({streams(), rows}).eq(0).reshape({-1});
}

}  // namespace trecvit
