#include "config/mixer_kind.h"

#include <cstdio>

#include "core/error.h"

namespace trecvit {
namespace {

std::vector<std::unique_ptr<MixerKind>>& registry() {
  static std::vector<std::unique_ptr<MixerKind>> kinds = [] {
    std::vector<std::unique_ptr<MixerKind>> known;
    known.push_back(make_gated_lru_kind());
    return known;
  }();
  return kinds;
}

const MixerKind* find(const std::string& name) {
  for (const auto& kind : registry())
    if (kind->name() == name) return kind.get();
  return nullptr;
}

}  // namespace

const std::vector<std::unique_ptr<MixerKind>>& mixer_kinds() { return registry(); }

const MixerKind& mixer_kind(const std::string& name, const std::string& key) {
  if (const MixerKind* kind = find(name)) return *kind;
  std::string known;
  for (const auto& kind : registry()) known += (known.empty() ? "" : ", ") + kind->name();
  throw UsageError(key, " has '", name, "'; it must be one of: ", known);
}

void register_mixer_kind(std::unique_ptr<MixerKind> kind) {
  if (find(kind->name())) throw Error("there is a temporal mixer '", kind->name(), "' already");
  registry().push_back(std::move(kind));
}

const std::string& mixer_of_layer(const std::vector<std::string>& pattern, std::int64_t layer) {
  ensure(!pattern.empty(), "a pattern of no mixers");
  return pattern[static_cast<std::size_t>(layer) % pattern.size()];
}

std::string temporal_block_name(const std::string& prefix, std::int64_t layer) {
  char padded[32];  // official names pad the temporal index and not the spatial one
  std::snprintf(padded, sizeof padded, "/residualblock_%02d", static_cast<int>(layer));
  return prefix + padded;
}

}  // namespace trecvit
