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
  std::vector<std::pair<at::Tensor, at::Tensor>> fitting;  // from, into
  const auto find = [&](const std::string& name, const at::Tensor& into) {
    const auto found = arrays.find(name);
    if (found == arrays.end()) throw Error("the saved state has no '", name, "'; it belongs to another model");
    if (found->second.shape != into.sizes().vec())
      throw Error("'", name, "' of the saved state has the shape ", shape_text(found->second.shape),
                  "; this model wants ", shape_text(into.sizes().vec()));
    const at::Tensor from = to_tensor(found->second);
    if (from.is_floating_point() != into.is_floating_point())
      throw Error("'", name, "' of the saved state has the type ", from.scalar_type(), "; this model wants ",
                  into.scalar_type());
    fitting.emplace_back(from, into);
    return from;
  };
  find("head_sum", head_sum);
  // Kernels take the line of a ring from the number of frames.
  const at::Tensor seen = find("frames", frames).to(at::kLong);
  constexpr std::int64_t kMost = std::int64_t{1} << 62;
  for (std::int64_t stream = 0; stream < seen.size(0); ++stream)
    if (const auto count = seen[stream].item<std::int64_t>(); count < 0 || count > kMost)
      throw Error("'frames' of the saved state says that stream ", stream, " has seen ", count,
                  " frames; it is damaged, and a number from 0 on is wanted");
  for (std::size_t i = 0; i < layers.size(); ++i)
    for (std::size_t k = 0; k < layers[i].tensors.size(); ++k) find(layer_name(i, k), layers[i].tensors[k]);
  for (auto& [from, into] : fitting) {
    into.copy_(from);
    if (is_ring(into)) into.scatter_(1, lines_in_time(into, seen.to(into.device())), into.clone());
  }
}

}  // namespace trecvit
