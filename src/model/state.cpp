#include "model/state.h"

#include <cstdio>

#include "core/error.h"
#include "nn/tensors.h"

namespace trecvit {
namespace {

std::string layer_name(std::size_t layer) {
  char name[32];
  std::snprintf(name, sizeof name, "layer_%02zu", layer);
  return name;
}

}  // namespace

std::int64_t ModelState::bytes() const {
  std::int64_t total = 0;
  for (const auto& layer : layers) total += layer->bytes();
  return total;
}

std::int64_t ModelState::bytes_per_frame() const {
  std::int64_t total = 0;
  for (const auto& layer : layers) total += layer->bytes_per_frame();
  return total;
}

void ModelState::reset(std::int64_t slot) {
  ensure(slot >= 0 && slot < slots(), "slot ", slot, " of ", slots());
  for (const auto& layer : layers) layer->reset(slot);
  head_sum.select(0, slot).zero_();
  frames_processed.select(0, slot).zero_();
}

ModelState ModelState::clone() const {
  ModelState copy;
  for (const auto& layer : layers) copy.layers.push_back(layer->clone());
  copy.head_sum = head_sum.clone();
  copy.frames_processed = frames_processed.clone();
  return copy;
}

ModelState ModelState::gather(const std::vector<std::int64_t>& slots) const {
  const at::Tensor index = at::tensor(slots, at::kLong).to(head_sum.device());
  ModelState part;
  for (const auto& layer : layers) part.layers.push_back(layer->gather(slots));
  part.head_sum = head_sum.index_select(0, index);
  part.frames_processed = frames_processed.index_select(0, index);
  return part;
}

void ModelState::scatter(const std::vector<std::int64_t>& slots, const ModelState& from) {
  ensure(layers.size() == from.layers.size(), "a state of another model");
  const at::Tensor index = at::tensor(slots, at::kLong).to(head_sum.device());
  for (std::size_t i = 0; i < layers.size(); ++i) layers[i]->scatter(slots, *from.layers[i]);
  head_sum.index_copy_(0, index, from.head_sum);
  frames_processed.index_copy_(0, index, from.frames_processed);
}

NamedArrays ModelState::save() const {
  NamedArrays arrays;
  for (std::size_t i = 0; i < layers.size(); ++i) layers[i]->save(layer_name(i), frames_processed, arrays);
  arrays["head_sum"] = to_array(head_sum);
  arrays["frames"] = to_array(frames_processed);
  return arrays;
}

void ModelState::load(const NamedArrays& arrays) {
  check_saved_tensor("head_sum", arrays, head_sum);
  check_saved_tensor("frames", arrays, frames_processed);
  for (std::size_t i = 0; i < layers.size(); ++i) layers[i]->check(layer_name(i), arrays);
  const at::Tensor frames = to_tensor(arrays.at("frames")).to(at::kLong);
  constexpr std::int64_t kMost = std::int64_t{1} << 62;
  for (std::int64_t slot = 0; slot < frames.size(0); ++slot)
    if (const auto count = frames[slot].item<std::int64_t>(); count < 0 || count > kMost)
      throw Error("'frames' of the saved state says that stream ", slot, " is ", count,
                  " frames old; it is damaged, and a number from 0 on is wanted");
  head_sum.copy_(to_tensor(arrays.at("head_sum")));
  frames_processed.copy_(frames);
  for (std::size_t i = 0; i < layers.size(); ++i) layers[i]->load(layer_name(i), frames_processed, arrays);
}

}  // namespace trecvit
