// Makes the layers of temporal mixers by the name of their kind (config/mixer_kind.h).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "config/mixer_kind.h"
#include "nn/temporal_mixer.h"

namespace trecvit::nn {

// Declares the mixer's parameters below `prefix` ("encoder/residualblock_00") in `store`. The config is finished.
using MixerFactory = std::function<std::unique_ptr<TemporalMixer>(ParameterStore& store, const std::string& prefix,
                                                                  const MixerSite& site, const MixerConfig& config)>;

// Before any model is made. Error: the name is taken.
void register_mixer_factory(const std::string& name, MixerFactory factory);
// UsageError: no such kind. InternalError: a kind without a factory.
std::unique_ptr<TemporalMixer> make_mixer(const std::string& name, ParameterStore& store, const std::string& prefix,
                                          const MixerSite& site, const MixerConfig& config);

}  // namespace trecvit::nn
