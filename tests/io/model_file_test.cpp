// The facts that a model's file tells, and arrays that cannot belong together.
#include "io/model_file.h"

#include <gmock/gmock.h>

#include "formats/npz.h"
#include "formats/safetensors.h"
#include "formats/sample_arrays.h"
#include "io/io_fixture.h"

namespace trecvit {
namespace {

using testing::AllOf;
using testing::HasSubstr;

ModelConfig oblong_config() {
  ModelConfig config = tiny_config();
  config.image_width = 12;  // 2 x 3 patches
  return config;
}

TEST(ReadModel, APictureIsKnownFromMetadataOrAsASquare) {
  const TempFolder folder;
  write_npz(folder / "square.npz", mixed_arrays(tiny_config()));
  EXPECT_TRUE(read_model(folder / "square.npz").picture_known());
  EXPECT_FALSE(read_model(folder / "square.npz").described);
  write_model(folder / "oblong.safetensors", mixed_arrays(oblong_config()), oblong_config(), {}, {.size = 8});
  const ModelFile told = read_model(folder / "oblong.safetensors");
  EXPECT_TRUE(told.picture_known() && told.described);
  EXPECT_EQ(told.config.image_width, 12);
}

TEST(ReadModel, HowSixPatchesLieIsNotKnownWithoutMetadata) {
  const TempFolder folder;
  write_npz(folder / "oblong.npz", mixed_arrays(oblong_config()));
  write_safetensors(folder / "oblong.safetensors", mixed_arrays(oblong_config()), {});
  for (const char* name : {"oblong.npz", "oblong.safetensors"}) {
    const ModelFile file = read_model(folder / name);
    EXPECT_FALSE(file.picture_known()) << name;
    EXPECT_EQ(file.config.patches(), 6) << name;
    EXPECT_THAT(error_of([&] { load_model(folder / name, at::kCPU); }),
                AllOf(HasSubstr("6 patches"), HasSubstr("--image")));
  }
}

TEST(ReadModel, AClassifierMustFitItsBiasAndThePreLogits) {
  const TempFolder folder;
  const ModelConfig config = tiny_config();
  const auto refusal = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
    NamedArrays arrays = mixed_arrays(config);
    arrays[name] = random_array(Dtype::kF32, shape, 1);
    write_npz(folder / "x.npz", arrays);
    write_model(folder / "x.safetensors", arrays, config, {}, {.size = 8});
    const std::string described = error_of([&] { read_model(folder / "x.safetensors"); });
    EXPECT_THAT(described, HasSubstr("x.safetensors")) << name;
    return error_of([&] { read_model(folder / "x.npz"); });
  };
  const std::int64_t width = config.head_width;
  EXPECT_THAT(refusal("decoder/cls_head/kernel", {width, 4}),
              AllOf(HasSubstr("decoder/cls_head/bias"), HasSubstr("[4]")));
  EXPECT_THAT(refusal("decoder/cls_head/kernel", {width + 1, 3}), HasSubstr("decoder/pre_logits"));
  EXPECT_THAT(refusal("decoder/pre_logits/bias", {width + 1}), HasSubstr("decoder/pre_logits/bias"));
  EXPECT_THAT(refusal("encoder/encoder_norm/bias", {7}), HasSubstr("encoder/encoder_norm/bias"));
}

TEST(ReadModel, LabelsThatAreNotUtf8AreWrittenAndRead) {
  const TempFolder folder;
  write_model(folder / "x.safetensors", mixed_arrays(tiny_config()), tiny_config(), {"a", "b\xe9", "c"}, {.size = 8});
  EXPECT_EQ(read_model(folder / "x.safetensors").labels[1], R"(b\xe9)");
}

}  // namespace
}  // namespace trecvit
