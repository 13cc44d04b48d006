// The options by which a verb is told a configuration: -c/--config, --set, --seed, and shortcuts of single keys.
#pragma once

#include <CLI/CLI.hpp>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "config/train.h"

namespace trecvit::tools {

struct ResolvedConfig {
  Config config;
  std::map<std::string, std::string> origins;  // key -> "demo.yaml:12", "--set", "--seed", "derived"; else default
};

// Lives as long as the verb it was added to.
class ConfigOptions {
 public:
  // Adds -c/--config, --set and --seed.
  void add_to(CLI::App& verb);

  // An option of its own for one key, such as --data for data.root.
  void shortcut(CLI::App& verb, const std::string& names, const std::string& key, const std::string& doc);

  // Sets `key` whatever files and --set say; `origin` is what is shown for it.
  void force(const std::string& key, const std::string& value, const std::string& origin);

  const std::vector<std::string>& files() const { return files_; }

  // Files in their order, then shortcuts, then --set; the last word wins. Not finished: sizes of 0 stay, nothing is
  // checked. UsageError: unknown keys, values of another type.
  ResolvedConfig read() const;

  // read(), then Config::finish(): every section checked, sizes filled in (origin "derived").
  ResolvedConfig resolve() const;

 private:
  struct Shortcut {
    std::string option, key, value;
    CLI::Option* given = nullptr;
  };
  struct Forced {
    std::string key, value, origin;
  };
  std::vector<std::string> files_, settings_;
  std::vector<Forced> forced_;
  std::deque<Shortcut> shortcuts_;  // addresses stay
};

// The configuration of one file alone, finished.
ResolvedConfig resolve_file(const std::string& file);

}  // namespace trecvit::tools
