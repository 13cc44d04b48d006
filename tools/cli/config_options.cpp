#include "tools/cli/config_options.h"

#include <nlohmann/json.hpp>

#include "core/config.h"
#include "tools/cli/verbs.h"

namespace trecvit::tools {
namespace {

void finish(ResolvedConfig& resolved) {
  const std::vector<ConfigRow> before = config_rows(resolved.config);
  resolved.config.finish();
  const std::vector<ConfigRow> after = config_rows(resolved.config);
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (after[i].value != before[i].value) resolved.origins[after[i].key] = "derived";
  }
}

}  // namespace

void ConfigOptions::add_to(CLI::App& verb) {
  add_repeatable(verb, "-c,--config", files_,
                 "YAML file; of several, later ones win ('trecvit config show' has the keys)")
      ->type_name("FILE");
  add_repeatable(verb, "--set", settings_, "one key, such as train.lr=1e-4; may be repeated")->type_name("KEY=VALUE");
  shortcut(verb, "--seed", "seed", "same seed, same bits");
}

void ConfigOptions::shortcut(CLI::App& verb, const std::string& names, const std::string& key, const std::string& doc) {
  Shortcut& added = shortcuts_.emplace_back();
  added.option = names.substr(names.rfind(',') + 1);
  added.key = key;
  added.given = verb.add_option(names, added.value, text(doc, " (", key, ")"));
}

void ConfigOptions::force(const std::string& key, const std::string& value, const std::string& origin) {
  forced_.push_back({key, value, origin});
}

ResolvedConfig ConfigOptions::read() const {
  ConfigSource source;
  for (const std::string& file : files_) source.load(file);
  // A value from the command line is quoted, so that no path is taken for YAML.
  for (const Shortcut& s : shortcuts_) {
    if (s.given->count() > 0)
      source.set(s.key + "=" + nlohmann::json(s.value).dump(-1, ' ', false, nlohmann::json::error_handler_t::ignore));
  }
  for (const std::string& setting : settings_) source.set(setting);
  for (const Forced& f : forced_) source.set(f.key + "=" + f.value);
  ResolvedConfig resolved;
  resolved.origins = source.apply(resolved.config);
  for (const Forced& f : forced_) resolved.origins[f.key] = f.origin;
  for (const Shortcut& s : shortcuts_) {
    bool overruled = false;
    for (const std::string& setting : settings_) overruled |= setting.rfind(s.key + "=", 0) == 0;
    if (s.given->count() > 0 && !overruled) resolved.origins[s.key] = s.option;
  }
  return resolved;
}

ResolvedConfig ConfigOptions::resolve() const {
  ResolvedConfig resolved = read();
  finish(resolved);
  return resolved;
}

ResolvedConfig resolve_file(const std::string& file) {
  ConfigSource source;
  source.load(file);
  ResolvedConfig resolved;
  resolved.origins = source.apply(resolved.config);
  finish(resolved);
  return resolved;
}

}  // namespace trecvit::tools
