#include "config/model.h"

namespace trecvit {
namespace {

struct Variant {
  const char* name;
  std::int64_t width, depth, mlp_width, heads;
};
constexpr Variant kVariants[] = {
    {"mu", 32, 1, 128, 2},         {"Ti", 192, 12, 768, 3},      {"S", 384, 12, 1536, 6},
    {"B", 768, 12, 3072, 12},    {"L", 1024, 24, 4096, 16},
};

void check_blocks(const std::string& section, const MixerSite& site, std::int64_t mlp_width,
                  const std::vector<std::string>& mixers, const MixerConfig& options) {
  const auto in_range = [&](const char* name, std::int64_t value, std::int64_t most) {
    if (value < 1 || value > most) throw UsageError(section, name, " is ", value, "; it must be 1..", most);
  };
  in_range("width", site.width, 16384);
  in_range("depth", site.depth, 99);
  in_range("heads", site.heads, 256);
  in_range("mlp_width", mlp_width, 65536);
  if (site.width % site.heads != 0)
    throw UsageError(section, "width is ", site.width, "; it must be divisible by ", section, "heads, ", site.heads);
  if (mixers.empty() || static_cast<std::int64_t>(mixers.size()) > site.depth)
    throw UsageError(section, "mixers has ", mixers.size(), " names; it must have 1 to ", section, "depth, ", site.depth);
  for (const std::string& name : mixers) {
    MixerConfig finished = options;
    mixer_kind(name, section + "mixers").finish(section, site, finished);
    if (!(finished == options)) throw InternalError("the options of ", name, " were not filled in");
  }
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
  fill(image_height, size);
  fill(image_width, size);
  for (const std::string& name : mixers) mixer_kind(name).finish("model.", site(), mixer);
}

void ModelConfig::check() const {
  check_blocks("model.", site(), mlp_width, mixers, mixer);
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
}

void MaeConfig::check() const {
  check_blocks("mae.", site(), mlp_width, {"gated_lru"}, mixer);
  require(mask_ratio >= 0.01 && mask_ratio <= 0.99, "mae.mask_ratio", mask_ratio, "0.01..0.99");
}

}  // namespace trecvit
