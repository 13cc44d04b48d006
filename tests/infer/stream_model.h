// A small classifier of pictures of 8 x 8 pixels, for streams.
#pragma once

#include "io/model_file.h"
#include "model/model_fixture.h"

namespace trecvit {

inline std::unique_ptr<Model> stream_model(at::Device device = at::kCPU, at::ScalarType dtype = at::kFloat) {
  ModelConfig config = small_config();
  config.mixer.gated_lru.lru_width = 32;
  config.image_width = 8;
  auto model = std::make_unique<Model>();
  model->net = std::make_unique<TRecViT>(model->store, config);
  model->net->set_dtype(dtype);
  model->store.allocate(device);
  model->store.initialise(7);
  model->net->cast_weights();
  model->preprocessing.size = 8;
  model->device = device;
  return model;
}

}  // namespace trecvit
