#include "model/config.h"

namespace trecvit {
namespace {

struct Variant {
  const char* name;
  std::int64_t width, depth, mlp_width, heads, lru_width;
};
constexpr Variant kVariants[] = {
    {"mu", 32, 1, 128, 2, 64},         {"Ti", 192, 12, 768, 3, 384},      {"S", 384, 12, 1536, 6, 768},
    {"B", 768, 12, 3072, 12, 1536},    {"L", 1024, 24, 4096, 16, 2048},
};

void check_blocks(const std::string& section, std::int64_t width, std::int64_t depth, std::int64_t heads,
                  std::int64_t mlp_width, std::int64_t lru_width) {
  const auto in_range = [&](const char* name, std::int64_t value, std::int64_t most) {
    if (value < 1 || value > most) throw UsageError(section, name, " is ", value, "; it must be 1..", most);
  };
  in_range("width", width, 16384);
  in_range("depth", depth, 99);
  in_range("heads", heads, 256);
  in_range("mlp_width", mlp_width, 65536);
  in_range("lru_width", lru_width, 65536);
  for (const auto& [name, value] : {std::pair{"width", width}, std::pair{"lru_width", lru_width}})
    if (value % heads != 0)
      throw UsageError(section, name, " is ", value, "; it must be divisible by ", section, "heads, ", heads);
}

}  // namespace

void ModelConfig::resolve(std::int64_t size) {
  const Variant* found = nullptr;
  for (const auto& v : kVariants)
    if (variant == v.name) found = &v;
  if (!found) throw UsageError("model.variant is ", variant, "; it must be mu, Ti, S, B or L");
  const auto fill = [](std::int64_t& field, std::int64_t value) {
    if (field == 0) field = value;
  };
  // A width of one's own takes its recurrence and MLP along.
  fill(width, found->width);
  fill(depth, found->depth);
  fill(heads, found->heads);
  fill(mlp_width, width * (found->mlp_width / found->width));
  fill(lru_width, width * (found->lru_width / found->width));
  fill(image_height, size);
  fill(image_width, size);
}

void ModelConfig::check() const {
  check_blocks("model.", width, depth, heads, mlp_width, lru_width);
  require(classes >= 0 && classes <= 1'000'000, "model.classes", classes, "0..1000000");
  require(head_width >= 1 && head_width <= 65536, "model.head_width", head_width, "1..65536");
  require(patch >= 1 && patch <= 256, "model.patch", patch, "1..256 pixels");
  for (const auto& [key, value] : {std::pair{"height", image_height}, std::pair{"width", image_width}}) {
    if (value < patch || value % patch != 0 || value > 8192)
      throw UsageError("the picture's ", key, " is ", value, " pixels (data.size or model.image_", key,
                       "); it must be divisible by model.patch, ", patch, ", such as ",
                       std::max<std::int64_t>(1, (value + patch / 2) / patch) * patch);
  }
  require(dropout >= 0 && dropout <= 0.9, "model.dropout", dropout, "0..0.9");
  require(min_radius > 0 && min_radius < max_radius, "model.min_radius", min_radius, "above 0 and below model.max_radius");
  require(max_radius < 1, "model.max_radius", max_radius, "below 1");
}

void MaeConfig::check() const {
  check_blocks("mae.", width, depth, heads, mlp_width, lru_width);
  require(mask_ratio >= 0.01 && mask_ratio <= 0.99, "mae.mask_ratio", mask_ratio, "0.01..0.99");
}

}  // namespace trecvit
