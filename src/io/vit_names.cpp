#include "io/vit_names.h"

#include "core/error.h"

namespace trecvit {
namespace {

bool starts(const std::string& name, const std::string& prefix) { return name.rfind(prefix, 0) == 0; }

// Where one block of a PyTorch ViT has its parts; each is followed by ".weight" or ".bias".
struct TorchBlock {
  std::string norm_1, norm_2, query, key, value, out, dense_0, dense_1;
  bool fused = false;  // query, key and value are thirds of one tensor
};

TorchBlock torch_block(VitNaming naming, std::int64_t layer) {
  if (naming == VitNaming::kTimm) {
    const std::string at = text("blocks.", layer, ".");
    return {at + "norm1",     at + "norm2",   at + "attn.qkv", at + "attn.qkv", at + "attn.qkv",
            at + "attn.proj", at + "mlp.fc1", at + "mlp.fc2",  /*fused=*/true};
  }
  const std::string at = text("encoder.layer.", layer, ".");
  const std::string attention = at + "attention.attention.";
  return {at + "layernorm_before", at + "layernorm_after",        attention + "query",       attention + "key",
          attention + "value",     at + "attention.output.dense", at + "intermediate.dense", at + "output.dense"};
}

class Rows {
 public:
  explicit Rows(const ModelConfig& config) : c_(config) {}

  void torch(VitNaming naming) {
    const bool timm = naming == VitNaming::kTimm;
    const std::string patches = timm ? "patch_embed.proj" : "embeddings.patch_embeddings.projection";
    tokenizer({patches + ".weight"}, {patches + ".bias"}, {timm ? "pos_embed" : "embeddings.position_embeddings"},
              {timm ? "cls_token" : "embeddings.cls_token"}, VitLayout::kPatches);
    for (std::int64_t layer = 0; layer < c_.depth; ++layer) {
      const TorchBlock b = torch_block(naming, layer);
      const std::string block = text("encoder/encoderblock_", layer);
      norm(block + "/LayerNorm_0", {b.norm_1 + ".weight"}, {b.norm_1 + ".bias"});
      const std::string attention = block + "/MultiHeadDotProductAttention_0/";
      const std::string* inputs[] = {&b.query, &b.key, &b.value};
      for (int i = 0; i < 3; ++i) {
        const std::string name = attention + kInputs[i];
        const int third = b.fused ? i : -1;
        add({name + "/kernel", heads_out(), {*inputs[i] + ".weight"}, VitLayout::kOutIn, c_.width, third});
        add({name + "/bias", heads(), {*inputs[i] + ".bias"}, VitLayout::kSame, 0, third});
      }
      add({attention + "out/kernel", heads_in(), {b.out + ".weight"}, VitLayout::kOutIn, c_.width});
      add({attention + "out/bias", {c_.width}, {b.out + ".bias"}});
      norm(block + "/LayerNorm_1", {b.norm_2 + ".weight"}, {b.norm_2 + ".bias"});
      const std::string mlp = block + "/MlpBlock_0/Dense_";
      add({mlp + "0/kernel", {c_.width, c_.mlp_width}, {b.dense_0 + ".weight"}, VitLayout::kOutIn, c_.width});
      add({mlp + "0/bias", {c_.mlp_width}, {b.dense_0 + ".bias"}});
      add({mlp + "1/kernel", {c_.mlp_width, c_.width}, {b.dense_1 + ".weight"}, VitLayout::kOutIn, c_.mlp_width});
      add({mlp + "1/bias", {c_.width}, {b.dense_1 + ".bias"}});
    }
    const std::string last = timm ? "norm" : "layernorm";
    norm("encoder/encoder_norm", {last + ".weight"}, {last + ".bias"});
  }

  // Flax names; big_vision numbers the parts of a block by kind, its forerunner vision_transformer numbered them
  // through.
  void flax() {
    tokenizer({"embedding/kernel"}, {"embedding/bias"}, {"pos_embedding", "Transformer/posembed_input/pos_embedding"},
              {"cls"}, VitLayout::kSame);
    for (std::int64_t layer = 0; layer < c_.depth; ++layer) {
      const std::string block = text("encoder/encoderblock_", layer);
      const std::string at = text("Transformer/encoderblock_", layer);
      norm(block + "/LayerNorm_0", {at + "/LayerNorm_0/scale"}, {at + "/LayerNorm_0/bias"});
      const auto attention = [&](const std::string& part, std::vector<std::int64_t> shape) {
        add({block + "/MultiHeadDotProductAttention_0/" + part,
             std::move(shape),
             {at + "/MultiHeadDotProductAttention_0/" + part, at + "/MultiHeadDotProductAttention_1/" + part}});
      };
      for (const char* input : kInputs) {
        attention(text(input, "/kernel"), heads_out());
        attention(text(input, "/bias"), heads());
      }
      attention("out/kernel", heads_in());
      attention("out/bias", {c_.width});
      norm(block + "/LayerNorm_1", {at + "/LayerNorm_1/scale", at + "/LayerNorm_2/scale"},
           {at + "/LayerNorm_1/bias", at + "/LayerNorm_2/bias"});
      const auto mlp = [&](const std::string& part, std::vector<std::int64_t> shape) {
        add({block + "/MlpBlock_0/" + part,
             std::move(shape),
             {at + "/MlpBlock_0/" + part, at + "/MlpBlock_3/" + part}});
      };
      mlp("Dense_0/kernel", {c_.width, c_.mlp_width});
      mlp("Dense_0/bias", {c_.mlp_width});
      mlp("Dense_1/kernel", {c_.mlp_width, c_.width});
      mlp("Dense_1/bias", {c_.width});
    }
    norm("encoder/encoder_norm", {"Transformer/encoder_norm/scale"}, {"Transformer/encoder_norm/bias"});
  }

  std::vector<VitRow> take() { return std::move(rows_); }

 private:
  using Names = std::vector<std::string>;
  using Shape = std::vector<std::int64_t>;
  static constexpr const char* kInputs[] = {"query", "key", "value"};

  Shape heads() const { return {c_.heads, c_.width / c_.heads}; }                // [H, D]
  Shape heads_out() const { return {c_.width, c_.heads, c_.width / c_.heads}; }  // [C, H, D]
  Shape heads_in() const { return {c_.heads, c_.width / c_.heads, c_.width}; }   // [H, D, C]

  void add(VitRow row) { rows_.push_back(std::move(row)); }
  void norm(const std::string& official, Names scale, Names bias) {
    add({official + "/scale", {c_.width}, std::move(scale)});
    add({official + "/bias", {c_.width}, std::move(bias)});
  }
  void tokenizer(Names kernel, Names bias, Names positions, Names cls, VitLayout kernel_layout) {
    add({"tokenizer/embedding/kernel", {1, c_.patch, c_.patch, 3, c_.width}, std::move(kernel), kernel_layout});
    add({"tokenizer/embedding/bias", {c_.width}, std::move(bias)});
    add({"tokenizer/pos_embedding", {1, c_.patches(), c_.width}, std::move(positions), VitLayout::kPositions});
    add({"tokenizer/cls", {1, 1, c_.width}, std::move(cls)});
  }

  const ModelConfig& c_;
  std::vector<VitRow> rows_;
};

}  // namespace

const char* vit_naming_name(VitNaming naming) {
  switch (naming) {
    case VitNaming::kTimm:
      return "timm";
    case VitNaming::kHuggingFace:
      return "Hugging Face";
    case VitNaming::kBigVision:
      return "big_vision";
  }
  throw InternalError("unknown naming ", static_cast<int>(naming));
}

VitNaming detect_vit(const NamedArrays& arrays, const std::string& origin) {
  if (arrays.count("patch_embed.proj.weight")) return VitNaming::kTimm;
  if (arrays.count("embeddings.patch_embeddings.projection.weight")) return VitNaming::kHuggingFace;
  if (arrays.count("embedding/kernel")) return VitNaming::kBigVision;
  throw Error(origin,
              " is no image ViT of a known kind; its patch embedding must be called patch_embed.proj.weight (timm), ",
              "vit.embeddings.patch_embeddings.projection.weight (Hugging Face) or embedding/kernel (big_vision)");
}

std::vector<VitRow> vit_rows(VitNaming naming, const ModelConfig& config) {
  Rows rows(config);
  naming == VitNaming::kBigVision ? rows.flax() : rows.torch(naming);
  return rows.take();
}

NamedArrays without_vit_prefix(const NamedArrays& arrays) {
  NamedArrays plain;
  for (const auto& [name, array] : arrays) {
    std::string shorter = name;
    for (const char* prefix : {"params/", "vit."})
      if (starts(name, prefix)) shorter = name.substr(std::string(prefix).size());
    // Of two names that fall together the one that needed no change stays.
    if (shorter == name) {
      plain[shorter] = array;
    } else {
      plain.emplace(shorter, array);
    }
  }
  return plain;
}

bool is_image_classifier(const std::string& name) {
  for (const char* prefix :
       {"head.", "head/", "head_dist.", "fc_norm.", "pre_logits.", "pre_logits/", "classifier.", "pooler."})
    if (starts(name, prefix)) return true;
  return false;
}

}  // namespace trecvit
