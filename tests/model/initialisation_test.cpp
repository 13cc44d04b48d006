// Initial values against docs/model.md: moments of every distribution, and the same bits for the same seed.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "model/model_fixture.h"

namespace trecvit {
namespace {

using at::Tensor;

// Wide enough that moments are sharp, one pair of blocks less than would be slow. L = 2 so that 2/L is not the default.
ModelConfig wide_config() {
  ModelConfig config;
  config.variant = "mu";
  config.width = 128;
  config.depth = 2;
  config.heads = 2;
  config.mlp_width = 256;
  config.mixer.gated_lru.lru_width = 192;
  config.classes = 3;
  config.head_width = 128;
  config.patch = 8;
  config.image_height = config.image_width = 64;
  config.mixer.gated_lru.min_radius = 0.6;
  config.mixer.gated_lru.max_radius = 0.99;
  config.check();
  return config;
}

std::map<std::string, Tensor> parameters(const nn::ParameterStore& store) {
  std::map<std::string, Tensor> all;
  for (const auto& p : store.all())
    for (const auto& part : p.parts) all[part.name] = part.of(p.value.detach()).to(at::kDouble).contiguous();
  return all;
}

class Initialisation : public testing::Test {
 protected:
  Initialisation() : net(store, wide_config()) {
    store.allocate(at::kCPU);
    store.initialise(11);
    values = parameters(store);
  }

  // Mean 0 and `variance`, both within 5 standard errors of a sample of n. `fourth`: E[x^4] / variance^2.
  void expect_moments(const std::string& name, double variance, double fourth) {
    const Tensor& v = values.at(name);
    const double n = static_cast<double>(v.numel());
    EXPECT_NEAR(v.mean().item<double>(), 0, 5 * std::sqrt(variance / n)) << name;
    EXPECT_NEAR(v.square().mean().item<double>(), variance, 5 * variance * std::sqrt((fourth - 1) / n)) << name;
    EXPECT_NEAR(v.pow(4).mean().item<double>() / (variance * variance), fourth, 0.2 * fourth + 40 / std::sqrt(n))
        << name;
  }
  void expect_normal(const std::string& name, double variance) { expect_moments(name, variance, 3); }
  void expect_xavier(const std::string& name, double in, double out) {
    const double limit = std::sqrt(6 / (in + out));
    expect_moments(name, limit * limit / 3, 9.0 / 5);
    EXPECT_LE(values.at(name).abs().max().item<double>(), limit * (1 + 1e-6)) << name;
  }
  void expect_zero(const std::string& name) { EXPECT_EQ(values.at(name).abs().max().item<double>(), 0) << name; }

  nn::ParameterStore store;
  TRecViT net;
  std::map<std::string, Tensor> values;
};

TEST_F(Initialisation, TemporalBlock) {
  for (const std::string block : {"encoder/residualblock_00/", "encoder/residualblock_01/"}) {
    expect_zero(block + "temporal_pre_norm/scale");
    const std::string at = block + "recurrent_block/";
    expect_normal(at + "linear_x/kernel", 1.0 / 128);
    expect_normal(at + "linear_y/kernel", 1.0 / 128);
    expect_normal(at + "linear_out/kernel", 2.0 / 2 / 192);
    expect_normal(at + "conv_1d/w", 0.01 / 4);
    expect_normal(at + "rg_lru/input_gate/w", 2.0 / 192);
    expect_normal(at + "rg_lru/a_gate/w", 2.0 / 192);
    for (const char* bias :
         {"linear_x/bias", "linear_y/bias", "linear_out/bias", "conv_1d/b", "rg_lru/input_gate/b", "rg_lru/a_gate/b"})
      expect_zero(at + bias);
  }
}

TEST_F(Initialisation, RadiusSquaredIsUniform) {
  std::vector<Tensor> squares;
  for (const char* block : {"00", "01"})
    squares.push_back(at::exp(
        -2 * at::softplus(values.at(text("encoder/residualblock_", block, "/recurrent_block/rg_lru/a_param")))));
  const Tensor squared = at::cat(squares);
  const double low = 0.6 * 0.6, high = 0.99 * 0.99, width = high - low, n = static_cast<double>(squared.numel());
  EXPECT_GE(squared.min().item<double>(), low - 1e-6);
  EXPECT_LE(squared.max().item<double>(), high + 1e-6);
  EXPECT_NEAR(squared.mean().item<double>(), (low + high) / 2, 5 * width / std::sqrt(12 * n));
  const double variance = width * width / 12;
  EXPECT_NEAR(squared.var().item<double>(), variance, 5 * variance * std::sqrt((9.0 / 5 - 1) / n));
}

TEST_F(Initialisation, SpatialBlockAndTokenizer) {
  const std::string block = "encoder/encoderblock_1/", attention = block + "MultiHeadDotProductAttention_0/";
  for (const char* part : {"query", "key", "value", "out"}) {
    expect_xavier(attention + part + "/kernel", 128, 128);
    expect_zero(attention + part + "/bias");
  }
  expect_xavier(block + "MlpBlock_0/Dense_0/kernel", 128, 256);
  expect_xavier(block + "MlpBlock_0/Dense_1/kernel", 256, 128);
  expect_normal(block + "MlpBlock_0/Dense_0/bias", 1e-12);
  EXPECT_EQ(values.at(block + "LayerNorm_0/scale").min().item<double>(), 1);
  expect_zero(block + "LayerNorm_0/bias");
  expect_xavier("tokenizer/embedding/kernel", 8 * 8 * 3, 128);
  expect_normal("tokenizer/pos_embedding", 1.0 / 128);
  expect_zero("tokenizer/cls");
}

TEST_F(Initialisation, SameSeedSameBitsForAnyNumberOfThreads) {
  const int threads = at::get_num_threads();
  std::vector<Tensor> drawn;
  for (const int n : {1, 2}) {
    at::set_num_threads(n);
    nn::ParameterStore other;
    const TRecViT twin(other, wide_config());
    other.allocate(at::kCPU);
    other.initialise(11);
    EXPECT_TRUE(at::equal(other.flat(), store.flat())) << n << " threads";
    other.initialise(12);
    EXPECT_FALSE(at::equal(other.flat(), store.flat()));
  }
  at::set_num_threads(threads);
}

TEST_F(Initialisation, NoTwoTensorsShareTheirNumbers) {
  EXPECT_FALSE(at::equal(values.at("encoder/residualblock_00/recurrent_block/linear_x/kernel"),
                         values.at("encoder/residualblock_01/recurrent_block/linear_x/kernel")));
  EXPECT_FALSE(at::equal(values.at("encoder/residualblock_00/recurrent_block/linear_x/kernel"),
                         values.at("encoder/residualblock_00/recurrent_block/linear_y/kernel")));
}

}  // namespace
}  // namespace trecvit
