// A tiny TRecViT's arrays, an image ViT in three namings, and arrays as big as need be that take no memory.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "formats/temp_files.h"
#include "io/model_file.h"
#include "model/model_fixture.h"
#include "nn/tensors.h"

namespace trecvit {

// The models' small configuration on 2x2 patches.
inline ModelConfig tiny_config(std::int64_t classes = 3) {
  ModelConfig config = small_config();
  config.image_width = 8;
  config.classes = classes;
  return config;
}

// Parameters of `config`, initialised.
struct TinyModel {
  explicit TinyModel(const ModelConfig& config, std::uint64_t seed = 5) : net(store, config) {
    store.allocate(at::kCPU);
    store.initialise(seed);
  }
  nn::ParameterStore store;
  TRecViT net;
};

// dtypes by turns: fp32, fp16, bf16.
inline NamedArrays mixed_arrays(const ModelConfig& config) {
  const TinyModel model(config);
  NamedArrays arrays;
  std::size_t turn = 0;
  for (const auto& [name, array] : parameter_arrays(model.store)) {
    const at::ScalarType dtype = std::array{at::kFloat, at::kHalf, at::kBFloat16}[turn++ % 3];
    arrays[name] = to_array(to_tensor(array).to(dtype));
  }
  return arrays;
}

// Every array of `config` with its shape; all share one block of zeros.
inline NamedArrays hollow_arrays(const ModelConfig& config) {
  nn::ParameterStore store;
  const TRecViT net(store, config);
  std::byte* zeros = nullptr;
  const Array block = allocate_array(Dtype::kF32, {1}, &zeros);
  NamedArrays arrays;
  for (const auto& p : store.all())
    for (const auto& part : p.parts)
      arrays[part.name] = {.dtype = Dtype::kF32, .shape = part.shape, .data = block.data};
  return arrays;
}

inline at::Tensor noise(const std::vector<std::int64_t>& shape, std::string_view name) {
  at::Tensor values = at::empty(shape, at::kFloat);
  Rng rng(9, stream_id(name));
  float* out = values.data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i) out[i] = static_cast<float>(rng.normal());
  return values;
}

// An image ViT fit for tiny_config(), as timm saves it: 5 positions, the class token's first, and a classifier.
inline std::map<std::string, at::Tensor> timm_vit() {
  const std::int64_t c = 16, m = 32;
  std::map<std::string, at::Tensor> vit;
  const auto put = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
    vit[name] = noise(shape, name);
  };
  const auto linear = [&](const std::string& name, std::int64_t in, std::int64_t out) {
    put(name + ".weight", {out, in});
    put(name + ".bias", {out});
  };
  put("patch_embed.proj.weight", {c, 3, 4, 4});
  put("patch_embed.proj.bias", {c});
  put("pos_embed", {1, 5, c});
  put("cls_token", {1, 1, c});
  for (const std::string block : {"blocks.0.", "blocks.1."}) {
    for (const char* norm : {"norm1", "norm2"}) {
      put(block + norm + ".weight", {c});
      put(block + norm + ".bias", {c});
    }
    linear(block + "attn.qkv", c, 3 * c);
    linear(block + "attn.proj", c, c);
    linear(block + "mlp.fc1", c, m);
    linear(block + "mlp.fc2", m, c);
  }
  put("norm.weight", {c});
  put("norm.bias", {c});
  linear("head", c, 1000);
  return vit;
}

// The same model as Hugging Face's ViTForImageClassification saves it.
inline std::map<std::string, at::Tensor> hugging_face_vit() {
  const auto timm = timm_vit();
  std::map<std::string, at::Tensor> vit;
  for (const std::string kind : {".weight", ".bias"}) {
    const auto move = [&](const std::string& to, const std::string& from) { vit[to + kind] = timm.at(from + kind); };
    move("vit.embeddings.patch_embeddings.projection", "patch_embed.proj");
    for (const std::string layer : {"0", "1"}) {
      const std::string to = "vit.encoder.layer." + layer + ".", from = "blocks." + layer + ".";
      move(to + "layernorm_before", from + "norm1");
      move(to + "layernorm_after", from + "norm2");
      const auto thirds = timm.at(from + "attn.qkv" + kind).chunk(3, 0);
      vit[to + "attention.attention.query" + kind] = thirds[0];
      vit[to + "attention.attention.key" + kind] = thirds[1];
      vit[to + "attention.attention.value" + kind] = thirds[2];
      move(to + "attention.output.dense", from + "attn.proj");
      move(to + "intermediate.dense", from + "mlp.fc1");
      move(to + "output.dense", from + "mlp.fc2");
    }
    move("vit.layernorm", "norm");
    move("classifier", "head");
  }
  vit["vit.embeddings.position_embeddings"] = timm.at("pos_embed");
  vit["vit.embeddings.cls_token"] = timm.at("cls_token");
  return vit;
}

// The same model under Flax names: big_vision's, or (`forerunner`) those of vision_transformer.
inline std::map<std::string, at::Tensor> flax_vit(bool forerunner = false) {
  const auto timm = timm_vit();
  const std::string root = forerunner ? "" : "params/";
  std::map<std::string, at::Tensor> vit;
  const std::int64_t c = 16, h = 2, d = 8;
  vit[root + "embedding/kernel"] = timm.at("patch_embed.proj.weight").permute({2, 3, 1, 0});
  vit[root + "embedding/bias"] = timm.at("patch_embed.proj.bias");
  vit[root + (forerunner ? "Transformer/posembed_input/pos_embedding" : "pos_embedding")] = timm.at("pos_embed");
  vit[root + "cls"] = timm.at("cls_token");
  const auto norm = [&](const std::string& to, const std::string& from) {
    vit[to + "/scale"] = timm.at(from + ".weight");
    vit[to + "/bias"] = timm.at(from + ".bias");
  };
  for (const std::string layer : {"0", "1"}) {
    const std::string to = root + "Transformer/encoderblock_" + layer, from = "blocks." + layer + ".";
    norm(to + "/LayerNorm_0", from + "norm1");
    norm(to + (forerunner ? "/LayerNorm_2" : "/LayerNorm_1"), from + "norm2");
    const std::string attention = to + "/MultiHeadDotProductAttention_" + (forerunner ? "1/" : "0/");
    const auto weights = timm.at(from + "attn.qkv.weight").chunk(3, 0),
               biases = timm.at(from + "attn.qkv.bias").chunk(3, 0);
    const char* const inputs[] = {"query", "key", "value"};
    for (std::size_t i = 0; i < 3; ++i) {
      vit[attention + inputs[i] + "/kernel"] = weights[i].t().reshape({c, h, d});
      vit[attention + inputs[i] + "/bias"] = biases[i].view({h, d});
    }
    vit[attention + "out/kernel"] = timm.at(from + "attn.proj.weight").t().reshape({h, d, c});
    vit[attention + "out/bias"] = timm.at(from + "attn.proj.bias");
    for (const std::string dense : {"0", "1"}) {
      const std::string mlp = to + (forerunner ? "/MlpBlock_3/Dense_" : "/MlpBlock_0/Dense_") + dense;
      const std::string source = from + (dense == "0" ? "mlp.fc1" : "mlp.fc2");
      vit[mlp + "/kernel"] = timm.at(source + ".weight").t();
      vit[mlp + "/bias"] = timm.at(source + ".bias");
    }
  }
  norm(root + "Transformer/encoder_norm", "norm");
  vit[root + "head/kernel"] = timm.at("head.weight").t();
  vit[root + "head/bias"] = timm.at("head.bias");
  return vit;
}

inline NamedArrays arrays_from(const std::map<std::string, at::Tensor>& tensors) {
  NamedArrays arrays;
  for (const auto& [name, tensor] : tensors) arrays[name] = to_array(tensor);
  return arrays;
}

// The message that `work` throws; empty when it throws nothing.
template <class Work>
std::string error_of(Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace trecvit
