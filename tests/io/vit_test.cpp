#include "io/vit.h"

#include <gmock/gmock.h>

#include "core/file.h"
#include "formats/npz.h"
#include "formats/safetensors.h"
#include "formats/sample_arrays.h"
#include "io/model_conversion.h"
#include "io/io_fixture.h"
#include "ops/patches.h"

namespace trecvit {
namespace {

using at::Tensor;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr VitOptions kAsIs{.input_range = InputRange::kZeroOne};

NamedArrays loaded(const NamedArrays& vit, const VitOptions& options = kAsIs) {
  TinyModel model(tiny_config());
  load_vit(model.store, model.net.config(), vit, "vit", options);
  return parameter_arrays(model.store);
}

TEST(Vit, ThreeNamingsGiveTheSameModel) {
  const NamedArrays timm = loaded(arrays_from(timm_vit()));
  expect_same(loaded(arrays_from(hugging_face_vit())), timm);
  expect_same(loaded(arrays_from(flax_vit())), timm);
  expect_same(loaded(arrays_from(flax_vit(/*forerunner=*/true))), timm);
}

TEST(Vit, ReportTellsTheNamingAndWhatBecameOfEveryName) {
  const std::pair<std::string, NamedArrays> vits[] = {{"timm", arrays_from(timm_vit())},
                                                      {"Hugging Face", arrays_from(hugging_face_vit())},
                                                      {"big_vision", arrays_from(flax_vit())}};
  for (const auto& [naming, vit] : vits) {
    TinyModel model(tiny_config());
    const NamedArrays before = parameter_arrays(model.store);
    const VitReport report = load_vit(model.store, model.net.config(), vit, "vit", kAsIs);
    EXPECT_EQ(report.naming, naming);
    EXPECT_THAT(report.missing, IsEmpty());
    EXPECT_THAT(report.unexpected, IsEmpty());
    EXPECT_THAT(report.reshaped, IsEmpty());
    EXPECT_EQ(report.left_out.size(), 2u);
    EXPECT_EQ(report.loaded.size() + report.initialised.size(), before.size());
    // Recurrence and head keep their initial values; all else changed.
    const NamedArrays after = parameter_arrays(model.store);
    for (const auto& name : report.initialised) {
      EXPECT_TRUE(name.find("residualblock") != std::string::npos || name.rfind("decoder/", 0) == 0) << name;
      expect_same(after.at(name), before.at(name), name);
    }
    for (const auto& name : report.loaded)
      EXPECT_FALSE(at::equal(to_tensor(after.at(name)), to_tensor(before.at(name)))) << name;
  }
}

// The tokens of our model for a picture in [0, 1] are those of the image model for the normalised picture.
TEST(Vit, InputRangeIsFoldedIntoThePatchEmbedding) {
  const auto vit = timm_vit();
  const Tensor picture = noise({1, 3, 8, 8}, "picture").sigmoid();
  const Tensor mean = at::tensor({0.485f, 0.456f, 0.406f}).view({1, 3, 1, 1});
  const Tensor deviation = at::tensor({0.229f, 0.224f, 0.225f}).view({1, 3, 1, 1});
  for (const auto& [range, seen] :
       {std::pair{InputRange::kZeroOne, picture}, std::pair{InputRange::kMinusOneOne, (picture - 0.5) / 0.5},
        std::pair{InputRange::kImagenet, (picture - mean) / deviation}}) {
    const Tensor patches =
        at::conv2d(seen, vit.at("patch_embed.proj.weight"), vit.at("patch_embed.proj.bias"), /*stride=*/4);
    const Tensor wanted = at::cat({vit.at("cls_token"), patches.flatten(2).transpose(1, 2)}, 1) + vit.at("pos_embed");
    TinyModel model(tiny_config());
    load_vit(model.store, model.net.config(), arrays_from(vit), "vit", {.input_range = range});
    const at::NoGradGuard no_grad;
    const auto& tokenizer = model.net.tokenizer();
    const Tensor tokens = tokenizer.with_cls(
        tokenizer.embed(ops::patchify(picture.permute({0, 2, 3, 1}).contiguous().unsqueeze(0), 4, at::kFloat)));
    EXPECT_LT((tokens[0] - wanted).abs().max().item<double>(), 2e-4);
  }
}

// One spatial block against the image model's own arithmetic, head by head.
TEST(Vit, AttentionKeepsItsHeads) {
  const auto vit = timm_vit();
  TinyModel model(tiny_config());
  load_vit(model.store, model.net.config(), arrays_from(vit), "vit", kAsIs);
  const Tensor x = noise({1, 5, 16}, "tokens");
  const auto w = [&](const std::string& name) { return vit.at("blocks.1." + name); };
  const auto linear = [&](const Tensor& in, const std::string& name) {
    return at::matmul(in, w(name + ".weight").t()) + w(name + ".bias");
  };
  const Tensor qkv = linear(x, "attn.qkv").view({5, 3, 2, 8});
  std::vector<Tensor> heads;
  for (std::int64_t h = 0; h < 2; ++h) {
    const auto part = [&](std::int64_t i) { return qkv.select(1, i).select(1, h); };  // [5, 8]
    heads.push_back(at::matmul(at::softmax(at::matmul(part(0), part(1).t()) / std::sqrt(8.0), -1), part(2)));
  }
  const Tensor wanted = linear(at::cat(heads, -1), "attn.proj");

  const NamedArrays arrays = parameter_arrays(model.store);
  const auto ours = [&](const std::string& name) {
    return to_tensor(arrays.at("encoder/encoderblock_1/MultiHeadDotProductAttention_0/" + name));
  };
  const auto project = [&](const std::string& name) {  // [5, H, D]
    return at::einsum("nc,chd->nhd", {x[0], ours(name + "/kernel")}) + ours(name + "/bias");
  };
  const Tensor scores = at::einsum("nhd,mhd->hnm", {project("query"), project("key")}) / std::sqrt(8.0);
  const Tensor mixed = at::einsum("hnm,mhd->nhd", {at::softmax(scores, -1), project("value")});
  const Tensor got = at::einsum("nhd,hdc->nc", {mixed, ours("out/kernel")}) + ours("out/bias");
  EXPECT_LT((got - wanted).abs().max().item<double>(), 1e-3);
}

TEST(Vit, PositionsWithoutAClassTokensOwn) {
  auto vit = timm_vit();
  const NamedArrays with = loaded(arrays_from(vit));
  vit["cls_token"] = vit["cls_token"] + vit["pos_embed"].narrow(1, 0, 1);
  vit["pos_embed"] = vit["pos_embed"].narrow(1, 1, 4);
  expect_same(loaded(arrays_from(vit)), with);
}

TEST(Vit, PositionsAreResizedOnlyWhenAsked) {
  auto vit = timm_vit();
  // A 3x3 grid with the class token's position first.
  vit["pos_embed"] = noise({1, 10, 16}, "positions");
  TinyModel model(tiny_config());
  const auto load = [&](bool resize) {
    return load_vit(model.store, model.net.config(), arrays_from(vit), "vit",
                    {.input_range = InputRange::kZeroOne, .resize_positions = resize});
  };
  EXPECT_THAT(error_of([&] { load(false); }), AllOf(HasSubstr("9 patches"), HasSubstr("--resize-positions")));
  EXPECT_THAT(load(true).reshaped, ElementsAre("tokenizer/pos_embedding"));
  // The corner of a symmetric grid, mirrored, is the mirrored corner.
  const Tensor before = to_tensor(parameter_arrays(model.store).at("tokenizer/pos_embedding")).view({2, 2, 16});
  vit["pos_embed"] = at::cat({vit["pos_embed"].narrow(1, 0, 1), vit["pos_embed"].narrow(1, 1, 9).flip({1})}, 1);
  load(true);
  const Tensor after = to_tensor(parameter_arrays(model.store).at("tokenizer/pos_embedding")).view({2, 2, 16});
  EXPECT_LT((after.flip({0, 1}) - before).abs().max().item<double>(), 1e-5);
  EXPECT_GT((after - before).abs().max().item<double>(), 1e-2);
}

TEST(Vit, MisfitsAreErrorsThatNameArrayAndShapes) {
  const NamedArrays whole = arrays_from(timm_vit());
  for (const auto& [name, array] : whole) {
    if (name.rfind("head.", 0) == 0) continue;
    for (const std::vector<std::int64_t>& shape :
         {std::vector<std::int64_t>{}, std::vector<std::int64_t>{0}, std::vector<std::int64_t>{1, 7, 5}}) {
      NamedArrays vit = whole;
      vit[name] = random_array(Dtype::kF32, shape, 1);
      EXPECT_THAT(error_of([&] { loaded(vit); }), AllOf(HasSubstr(name), HasSubstr(shape_text(shape)))) << name;
    }
  }
  EXPECT_THAT(error_of([&] { loaded(mixed_arrays(tiny_config())); }), HasSubstr("no image ViT"));
}

class VitFile : public testing::Test {
 protected:
  ConvertOptions options(const NamedArrays& vit) const {
    write_safetensors(folder / "vit.safetensors", vit);
    return {.in = folder / "vit.safetensors",
            .out = folder / "out.safetensors",
            .from = "vit",
            .input_range = InputRange::kZeroOne,
            .model = tiny_config(),
            .preprocessing = {.size = 8, .frames = 4},
            .seed = 5};
  }
  TempFolder folder;
};

TEST_F(VitFile, ConvertedModelLoadsAndRuns) {
  const ConvertOptions wanted = options(arrays_from(timm_vit()));
  const ConvertReport report = convert(wanted);
  EXPECT_EQ(report.naming, "timm");
  expect_same(read_safetensors(wanted.out).arrays, loaded(arrays_from(timm_vit())));
  const auto model = load_model(wanted.out, at::kCPU);
  EXPECT_EQ(model->preprocessing.frames, 4);
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::isfinite(model->net->classify_clips(at::zeros({2, 1, 8, 8, 3})).logits).all().item<bool>());

  ConvertOptions from_npz = wanted;
  from_npz.in = folder / "vit.npz";
  from_npz.out = folder / "second.safetensors";
  write_npz(from_npz.in, arrays_from(flax_vit()));
  convert(from_npz);
  EXPECT_EQ(read_file(from_npz.out), read_file(wanted.out));
}

TEST_F(VitFile, StrictRefusesWhatWouldOnlyBeReported) {
  auto vit = timm_vit();
  ConvertOptions wanted = options(arrays_from(vit));
  wanted.strict = true;
  convert(wanted);  // the classifier of the image model and the missing recurrence are no faults

  const auto name = "blocks.1.mlp.fc2.bias";
  for (const bool strict : {false, true}) {
    auto changed = vit;
    changed["blocks.1.ls1.gamma"] = at::ones({16});
    changed.erase(name);
    wanted = options(arrays_from(changed));
    wanted.strict = strict;
    if (strict) {
      EXPECT_THAT(error_of([&] { convert(wanted); }),
                  AllOf(HasSubstr("missing"), HasSubstr("encoder/encoderblock_1/MlpBlock_0/Dense_1/bias")));
    } else {
      const ConvertReport report = convert(wanted);
      EXPECT_THAT(report.missing, ElementsAre("encoder/encoderblock_1/MlpBlock_0/Dense_1/bias"));
      EXPECT_THAT(report.unexpected, ElementsAre("blocks.1.ls1.gamma"));
    }
  }
}

TEST(Vit, InputRangesByName) {
  EXPECT_EQ(parse_input_range("imagenet"), InputRange::kImagenet);
  EXPECT_THROW(parse_input_range("0-1"), UsageError);
}

}  // namespace
}  // namespace trecvit
