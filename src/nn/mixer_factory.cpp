#include "nn/mixer_factory.h"

#include <map>

#include "core/error.h"
#include "nn/gated_lru.h"

namespace trecvit::nn {
namespace {

std::map<std::string, MixerFactory>& registry() {
  static std::map<std::string, MixerFactory> factories{
      {"gated_lru",
       [](ParameterStore& store, const std::string& prefix, const MixerSite& site, const MixerConfig& config) {
         return std::make_unique<GatedLru>(store, prefix + "/recurrent_block", site, config.gated_lru);
       }}};
  return factories;
}

}  // namespace

void register_mixer_factory(const std::string& name, MixerFactory factory) {
  if (!registry().emplace(name, std::move(factory)).second)
    throw Error("there is a factory of the temporal mixer '", name, "' already");
}

std::unique_ptr<TemporalMixer> make_mixer(const std::string& name, ParameterStore& store, const std::string& prefix,
                                          const MixerSite& site, const MixerConfig& config) {
  mixer_kind(name);
  const auto found = registry().find(name);
  ensure(found != registry().end(), "the temporal mixer '", name, "' has no factory");
  return found->second(store, prefix, site, config);
}

}  // namespace trecvit::nn
