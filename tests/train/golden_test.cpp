#include "train/golden.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "core/error.h"
#include "formats/npz.h"
#include "nn/tensors.h"

namespace trecvit {
namespace {

namespace fs = std::filesystem;
using at::Tensor;

fs::path golden(const std::string& name) {
  const char* folder = std::getenv("TRECVIT_GOLDEN");  // on machines without the sources
  return (folder ? fs::path(folder) : fs::path(TRECVIT_SOURCE_DIR) / "tests" / "golden") / name;
}

void expect_pass(const GoldenReport& report) {
  for (const auto& row : report.rows) EXPECT_TRUE(row.pass) << row.name << " relative " << row.relative;
  EXPECT_TRUE(report.pass);
}

class Golden : public testing::TestWithParam<const char*> {};

TEST_P(Golden, Agrees) {
  const auto file = golden(GetParam());
  expect_pass(check_golden(file, at::kCPU));
}

TEST_P(Golden, GpuAgrees) {
  const auto file = golden(GetParam());
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  expect_pass(check_golden(file, at::Device(at::kCUDA, 0)));
}

INSTANTIATE_TEST_SUITE_P(Files, Golden,
                         testing::Values("tiny_r2c.npz", "tiny_two_clips_r1c.npz", "rg_lru_segments.npz"));

// A check that cannot fail proves nothing: one changed weight, one changed tap order must be seen.
TEST(GoldenCheck, SeesOneChangedWeightAndSwappedTaps) {
  const auto file = golden("tiny_r2c.npz");
  const fs::path changed = fs::temp_directory_path() / text("golden_changed_", ::getpid(), ".npz");
  const std::string conv = "params/encoder/residualblock_01/recurrent_block/conv_1d/w";
  for (const std::string& name : {std::string("params/encoder/encoderblock_1/MlpBlock_0/Dense_0/kernel"), conv}) {
    NamedArrays arrays = read_npz(file);
    std::byte* bytes = nullptr;
    Array copy = allocate_array(Dtype::kF32, arrays.at(name).shape, &bytes);
    std::memcpy(bytes, arrays.at(name).data.get(), copy.bytes());
    auto* values = reinterpret_cast<float*>(bytes);
    if (name == conv) {
      for (std::int64_t c = 0; c < copy.shape[1]; ++c) std::swap(values[c], values[3 * copy.shape[1] + c]);
    } else {
      values[5] += 0.01f;
    }
    arrays[name] = copy;
    write_npz(changed, arrays);
    EXPECT_FALSE(check_golden(changed, at::kCPU).pass) << name;
  }
  fs::remove(changed);
}

// The recorded output of the last norm, made anew from its recorded input. Below about 1e-4 another eps would hide in the
// tolerance of 1e-5, for the variance of the rows is 3.5.
TEST(GoldenCheck, SeesAnotherEps) {
  const auto file = golden("tiny_r2c.npz");
  const fs::path changed = fs::temp_directory_path() / text("golden_eps_", ::getpid(), ".npz");
  NamedArrays arrays = read_npz(file);
  const auto tensor = [&](const std::string& name) { return to_tensor(arrays.at(name)); };
  const Tensor rows = tensor("output/encoderblock_2"), scale = tensor("params/encoder/encoder_norm/scale"),
               bias = tensor("params/encoder/encoder_norm/bias");
  for (const double eps : {1e-6, 1e-3}) {
    const Tensor norm = at::layer_norm(rows, {rows.size(-1)}, scale, bias, eps).contiguous();
    std::byte* bytes = nullptr;
    Array copy = allocate_array(Dtype::kF32, arrays.at("output/encoded").shape, &bytes);
    ASSERT_EQ(static_cast<std::size_t>(norm.nbytes()), copy.bytes());
    std::memcpy(bytes, norm.data_ptr(), copy.bytes());
    arrays["output/encoded"] = copy;
    write_npz(changed, arrays);
    EXPECT_EQ(check_golden(changed, at::kCPU).pass, eps == 1e-6) << eps;
  }
  fs::remove(changed);
}

}  // namespace
}  // namespace trecvit
