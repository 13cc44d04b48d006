// One RG-LRU layer of the official code: output, last state and every gradient, with resets inside and a state that
// goes on.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdlib>
#include <filesystem>

#include "formats/npz.h"
#include "ops/block_diagonal.h"
#include "ops/rg_lru.h"

namespace trecvit::ops {
namespace {

using at::Tensor;

std::filesystem::path golden_folder() {
  const char* given = std::getenv("TRECVIT_GOLDEN");
  return given ? std::filesystem::path(given) : std::filesystem::path(TRECVIT_SOURCE_DIR) / "tests" / "golden";
}

Tensor as_double(const NamedArrays& arrays, const std::string& name) {
  const Array& array = arrays.at(name);
  const auto values = to_f32(array);
  return at::tensor(at::ArrayRef<float>(values), at::kFloat).view(array.shape).to(at::kDouble);
}

class RgLruGolden : public testing::TestWithParam<at::ScalarType> {};

TEST_P(RgLruGolden, MatchesTheOfficialLayer) {
  const auto path = golden_folder() / "rg_lru_segments.npz";
  const NamedArrays arrays = read_npz(path);
  const auto dtype = GetParam();
  std::vector<std::pair<std::string, Tensor>> leaves;
  const auto leaf = [&](const std::string& name) {
    leaves.emplace_back(name, as_double(arrays, name).to(dtype).requires_grad_(true));
    return leaves.back().second;
  };
  const Tensor x = leaf("x"), h0 = leaf("h0");  // [B, T, R], [B, R]
  const Tensor input_w = leaf("params/input_gate/w"), input_b = leaf("params/input_gate/b");
  const Tensor a_w = leaf("params/a_gate/w"), a_b = leaf("params/a_gate/b"), a_param = leaf("params/a_param");

  const Tensor time_major = x.transpose(0, 1).contiguous(), flat = time_major.view({-1, x.size(2)});
  const RgLruResult result = rg_lru({.x = time_major,
                                     .input_logits = block_diagonal(flat, input_w).view(time_major.sizes()),
                                     .a_logits = block_diagonal(flat, a_w).view(time_major.sizes()),
                                     .input_bias = input_b.view({-1}),
                                     .a_bias = a_b.view({-1}),
                                     .a_param = a_param,
                                     .h0 = h0,
                                     .reset = as_double(arrays, "segment_pos").eq(0).transpose(0, 1)});
  const Tensor y = result.out.transpose(0, 1);
  const auto error = [&](const Tensor& actual, const std::string& name) {
    const Tensor expected = as_double(arrays, name);
    return ((actual.to(at::kDouble) - expected).abs().max() / expected.abs().max()).item<double>();
  };
  EXPECT_LT(error(y, "y"), 2e-6);
  EXPECT_LT(error(result.h_last, "last_h"), 2e-6);
  (y * as_double(arrays, "grad_y").to(dtype)).sum().backward();
  for (const auto& [name, tensor] : leaves) {
    EXPECT_LT(error(tensor.grad(), "grad/" + name), 5e-6) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Dtypes, RgLruGolden, testing::Values(at::kDouble, at::kFloat));

}  // namespace
}  // namespace trecvit::ops
