#include "io/model_conversion.h"

#include <gmock/gmock.h>

#include "core/file.h"
#include "formats/npz.h"
#include "formats/safetensors.h"
#include "formats/sample_arrays.h"
#include "io/io_fixture.h"

namespace trecvit {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Convert : public testing::Test {
 protected:
  ConvertOptions to_safetensors(const NamedArrays& arrays) const {
    write_npz(folder / "in.npz", arrays);
    return {.in = folder / "in.npz", .out = folder / "out.safetensors"};
  }
  // Fails with one sentence and writes nothing.
  std::string refusal(const ConvertOptions& options) const {
    const std::string message = error_of([&] { convert(options); });
    EXPECT_FALSE(std::filesystem::exists(options.out));
    EXPECT_THAT(message, AllOf(Not(IsEmpty()), Not(HasSubstr("\n"))));
    return message;
  }
  std::string refusal(const NamedArrays& arrays) const { return refusal(to_safetensors(arrays)); }

  TempFolder folder;
};

TEST_F(Convert, ThereAndBackIsTheSameBits) {
  for (const std::int64_t classes : {3, 0}) {
    const NamedArrays arrays = mixed_arrays(tiny_config(classes));
    const ConvertReport report = convert(to_safetensors(arrays));
    EXPECT_EQ(report.loaded.size(), arrays.size());
    EXPECT_THAT(report.missing, IsEmpty());
    EXPECT_THAT(report.unexpected, IsEmpty());
    EXPECT_THAT(report.reshaped, IsEmpty());
    convert({.in = folder / "out.safetensors", .out = folder / "back.npz", .from = "safetensors", .to = "jax-npz"});
    expect_same(read_npz(folder / "back.npz"), arrays);
    EXPECT_EQ(read_file(folder / "back.npz"), read_file(folder / "in.npz"));
  }
}

TEST_F(Convert, WrittenModelKnowsItsArchitectureAndLabels) {
  ConvertOptions options = to_safetensors(mixed_arrays(tiny_config()));
  options.labels = folder.put("labels.txt", "wave\r\nclap\nsit down\n\n");
  EXPECT_EQ(convert(options).labels, 3);
  const ModelFile file = read_model(options.out);
  EXPECT_THAT(file.labels, ElementsAre("wave", "clap", "sit down"));
  EXPECT_EQ(file.config.mixer.gated_lru.lru_width, 24);
  EXPECT_EQ(file.config.image_height, 8);
  EXPECT_EQ(file.preprocessing.size, 8);
  EXPECT_EQ(load_model(options.out, at::kCPU)->net->config().depth, 2);
  // Labels stay when nobody gives others.
  convert({.in = options.out, .out = folder / "again.safetensors", .from = "safetensors"});
  EXPECT_EQ(read_file(folder / "again.safetensors"), read_file(options.out));
}

TEST_F(Convert, LabelsInEveryForm) {
  const std::vector<std::string> names = {"a", "b", "c"};
  EXPECT_EQ(read_labels(folder.put("1.json", R"(["a", "b", "c"])"), 3), names);
  EXPECT_EQ(read_labels(folder.put("2.json", R"({"0": "a", "2": "c", "1": "b"})"), 3), names);
  EXPECT_EQ(read_labels(folder.put("3.json", R"({"c": 2, "a": 0, "b": 1})"), 3), names);
  for (const char* bad : {"[", "3", "[1]", R"(["a", "a"])", R"(["a", ""])", R"({"0": "a", "2": "b"})",
                          R"({"a": 0, "b": 0})", R"({"a": "b"})", R"({"a": -1})"})
    EXPECT_THAT(error_of([&] { read_labels(folder.put("bad.json", bad), -1); }), HasSubstr("bad.json")) << bad;
  EXPECT_THAT(error_of([&] { read_labels(folder / "1.json", 4); }), HasSubstr("names 3 classes and the model has 4"));
}

TEST_F(Convert, UnknownArraysAreLeftOutAndTheDecoderOfAMaskedAutoencoderStays) {
  const NamedArrays whole = mixed_arrays(tiny_config());
  NamedArrays arrays = whole;
  arrays["optimizer/step"] = make_array({1}, {1});
  arrays["mae_decoder/mask_token"] = make_array({1, 2}, {1, 1, 2});
  ConvertOptions options = to_safetensors(arrays);
  EXPECT_THAT(convert(options).unexpected, ElementsAre("optimizer/step"));
  arrays.erase("optimizer/step");
  expect_same(read_safetensors(options.out).arrays, arrays);
  std::filesystem::remove(options.out);
  options.strict = true;
  EXPECT_THAT(refusal(options), AllOf(HasSubstr("unexpected"), HasSubstr("optimizer/step")));
}

TEST_F(Convert, HostileShapesAreRefusedInOneSentence) {
  const NamedArrays whole = mixed_arrays(tiny_config());
  for (const auto& [name, array] : whole) {
    NamedArrays arrays = whole;
    arrays.erase(name);
    // Without the classifier's kernel it is a model without a head.
    if (name != "decoder/cls_head/kernel") {
      EXPECT_THAT(refusal(arrays), HasSubstr("in.npz")) << name;
    }
    for (std::vector<std::int64_t> shape :
         {std::vector<std::int64_t>{}, std::vector<std::int64_t>{0}, std::vector<std::int64_t>{7, 5}}) {
      arrays[name] = random_array(Dtype::kF32, shape, 1);
      EXPECT_THAT(refusal(arrays), HasSubstr("in.npz")) << name << shape_text(shape);
    }
  }
  NamedArrays arrays = whole;
  const std::string query = "encoder/encoderblock_1/MultiHeadDotProductAttention_0/query/kernel";
  arrays[query] = random_array(Dtype::kF32, {16, 4, 4}, 1);
  EXPECT_THAT(refusal(arrays), AllOf(HasSubstr(query), HasSubstr("[16, 4, 4]"), HasSubstr("[16, 2, 8]")));
}

TEST_F(Convert, KindsAndEndingsMustAgree) {
  ConvertOptions options = to_safetensors(mixed_arrays(tiny_config()));
  for (const auto& [from, to, out] :
       {std::array{"npz", "safetensors", "o.safetensors"}, std::array{"jax-npz", "onnx", "o.safetensors"},
        std::array{"jax-npz", "safetensors", "o.npz"}, std::array{"safetensors", "safetensors", "o.safetensors"}}) {
    options.from = from;
    options.to = to;
    options.out = folder / out;
    EXPECT_THROW(convert(options), UsageError) << from << to << out;
  }
}

TEST_F(Convert, PictureThatIsNotSquare) {
  ModelConfig config = tiny_config();
  config.image_width = 12;  // 2 x 3 patches
  ConvertOptions options = to_safetensors(mixed_arrays(config));
  EXPECT_THAT(refusal(options), HasSubstr("--image"));
  options.image_height = 8;
  options.image_width = 16;
  EXPECT_THAT(refusal(options), AllOf(HasSubstr("6 patches"), HasSubstr("--resize-positions")));
  options.image_width = 11;
  EXPECT_THAT(refusal(options), HasSubstr("11"));
  options.image_width = 12;
  convert(options);
  EXPECT_EQ(read_model(options.out).config.image_width, 12);
}

TEST_F(Convert, PositionsAreResizedOnlyWhenAsked) {
  NamedArrays arrays = mixed_arrays(tiny_config());
  const std::string positions = "tokenizer/pos_embedding";
  // A constant stays a constant under any interpolation, in its own dtype.
  arrays[positions] = to_array(at::full({1, 4, 16}, 0.5, at::kHalf));
  ConvertOptions options = to_safetensors(arrays);
  options.image_height = 12;
  options.image_width = 16;
  EXPECT_THAT(refusal(options), HasSubstr("--resize-positions"));
  options.resize_positions = true;
  EXPECT_THAT(convert(options).reshaped, ElementsAre(positions));
  const ModelFile file = read_model(options.out);
  EXPECT_TRUE(at::equal(to_tensor(file.arrays.at(positions)), at::full({1, 12, 16}, 0.5, at::kHalf)));
  std::filesystem::remove(options.out);
  options.strict = true;
  EXPECT_THAT(refusal(options), HasSubstr("reshaped"));
}

TEST(InferConfig, ReleasedAndPaperSizes) {
  for (const auto& [lru_width, parameters] : {std::pair{1536, 136'778'128}, std::pair{768, 111'913'360}}) {
    ModelConfig config;
    config.variant = "B";
    config.mixer.gated_lru.lru_width = lru_width;
    config.classes = 400;
    config.resolve(224);
    const NamedArrays arrays = hollow_arrays(config);
    EXPECT_EQ(infer_config(arrays, "arrays"), config);
    std::int64_t count = 0;
    for (const auto& [name, array] : arrays) count += array.count();
    EXPECT_EQ(count, parameters);
    nn::ParameterStore store;
    const TRecViT net(store, infer_config(arrays, "arrays"));
    EXPECT_EQ(store.count(), parameters);
  }
}

TEST(InferConfig, EveryVariant) {
  for (const char* variant : {"mu", "Ti", "S", "B", "L"}) {
    ModelConfig config;
    config.variant = variant;
    config.classes = 174;
    config.resolve(112);
    EXPECT_EQ(infer_config(hollow_arrays(config), "arrays"), config) << variant;
  }
}

}  // namespace
}  // namespace trecvit
