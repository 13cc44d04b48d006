// The kinds of temporal mixer, by the names that model.mixers uses. A kind knows everything about its mixer that needs no
// tensor; nn/mixer_factory.h makes the layer itself. Adding a kind touches no file of another.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/mixer.h"
#include "core/array.h"

namespace trecvit {

// The sizes of the stack around a mixer.
struct MixerSite {
  std::int64_t width = 0;  // C
  std::int64_t heads = 1;  // H
  std::int64_t depth = 1;  // L, of the whole stack
};

class MixerKind {
 public:
  virtual ~MixerKind() = default;

  virtual std::string name() const = 0;  // "gated_lru"

  // Fills in sizes of 0 and checks the options. UsageError naming the key below `section` ("model.") and the rule.
  virtual void finish(const std::string& section, const MixerSite& site, MixerConfig& config) const = 0;

  // Whether the arrays below `prefix` ("encoder/residualblock_00") are of this kind; their sizes go to `config`. Error:
  // they are, and broken.
  virtual bool recognise(const NamedArrays& arrays, const std::string& prefix, MixerConfig& config) const = 0;

  // Of one layer: multiply-adds per token and frame, and bytes of state per token with fp32 activations.
  virtual double multiply_adds(const MixerSite& site, const MixerConfig& config) const = 0;
  virtual std::int64_t state_bytes(const MixerSite& site, const MixerConfig& config) const = 0;
};

const std::vector<std::unique_ptr<MixerKind>>& mixer_kinds();
// UsageError naming `key` and the known kinds.
const MixerKind& mixer_kind(const std::string& name, const std::string& key = "model.mixers");
// Before any model is made. Error: the name is taken.
void register_mixer_kind(std::unique_ptr<MixerKind> kind);

// Layer i of a stack has the mixer pattern[i mod size].
const std::string& mixer_of_layer(const std::vector<std::string>& pattern, std::int64_t layer);
// The name of a layer's temporal block in files: "encoder/residualblock_00".
std::string temporal_block_name(const std::string& prefix, std::int64_t layer);

// The kinds of this engine.
std::unique_ptr<MixerKind> make_gated_lru_kind();

}  // namespace trecvit
