#include "config/mixer_kind.h"
#include "core/error.h"

namespace trecvit {
namespace {

class GatedLruKind : public MixerKind {
 public:
  std::string name() const override { return "gated_lru"; }

  void finish(const std::string& section, const MixerSite& site, MixerConfig& config) const override {
    GatedLruConfig& c = config.gated_lru;
    if (c.lru_width == 0) c.lru_width = 2 * site.width;
    if (c.lru_width < 1 || c.lru_width > 65536)
      throw UsageError(section, "lru_width is ", c.lru_width, "; it must be 1..65536");
    if (c.lru_width % site.heads != 0)
      throw UsageError(section, "lru_width is ", c.lru_width, "; it must be divisible by ", section, "heads, ", site.heads);
    if (!(c.min_radius > 0 && c.min_radius < c.max_radius))
      throw UsageError(section, "min_radius is ", c.min_radius, "; it must be above 0 and below ", section, "max_radius");
    if (!(c.max_radius < 1)) throw UsageError(section, "max_radius is ", c.max_radius, "; it must be below 1");
  }

  bool recognise(const NamedArrays& arrays, const std::string& prefix, MixerConfig& config) const override {
    const std::string name = prefix + "/recurrent_block/rg_lru/a_param";
    const auto found = arrays.find(name);
    if (found == arrays.end()) return false;
    const std::vector<std::int64_t>& shape = found->second.shape;
    if (shape.size() != 1 || shape[0] < 1)
      throw Error("'", name, "' has the shape ", shape_text(shape), "; it must have one dimension");
    config.gated_lru.lru_width = shape[0];
    return true;
  }

  double multiply_adds(const MixerSite& site, const MixerConfig& config) const override {
    const auto c = static_cast<double>(site.width), r = static_cast<double>(config.gated_lru.lru_width);
    return 3 * c * r + 2 * r * r / static_cast<double>(site.heads) + 4 * r;  // linear maps, gates, convolution
  }

  std::int64_t state_bytes(const MixerSite&, const MixerConfig& config) const override {
    return (1 + 3) * config.gated_lru.lru_width * 4;  // h, and three inputs of the convolution
  }
};

}  // namespace

std::unique_ptr<MixerKind> make_gated_lru_kind() { return std::make_unique<GatedLruKind>(); }

}  // namespace trecvit
