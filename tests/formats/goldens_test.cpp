#include <gtest/gtest.h>

#include <filesystem>

#include "formats/npy.h"
#include "formats/npz.h"
#include "formats/safetensors.h"

namespace trecvit {
namespace {

TEST(Goldens, EveryArrayFileUnderTestsIsReadable) {
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(TRECVIT_SOURCE_DIR "/tests")) {
    const std::filesystem::path& path = entry.path();
    NamedArrays arrays;
    if (path.extension() == ".npz") {
      arrays = read_npz(path);
    } else if (path.extension() == ".safetensors") {
      arrays = read_safetensors(path).arrays;
    } else if (path.extension() == ".npy") {
      arrays["array"] = read_npy(path);
    } else {
      continue;
    }
    ++files;
    EXPECT_FALSE(arrays.empty()) << path;
  }
  if (files == 0) GTEST_SKIP() << "no .npz, .npy or .safetensors file under tests/";
}

}  // namespace
}  // namespace trecvit
