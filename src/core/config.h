// Configuration: plain structs that describe their own fields, filled from YAML files and key=value settings.
//
// A config struct has a static visit(self, visitor) that calls visitor(name, field, doc) for every field. A field is a
// std::string, bool, std::int64_t, double, a list of texts (std::vector<std::string>), or another config struct, whose fields are then named "outer.inner".
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"

namespace trecvit {

struct AnyVisitor {
  template <class T>
  void operator()(const char*, T&, const char*) {}
};

template <class T>
concept ConfigStruct = requires(T& config, AnyVisitor& visitor) { T::visit(config, visitor); };

// Calls f(dotted key, field, doc) for every leaf field, in the order of declaration.
template <class Config, class F>
void for_each_field(Config& config, F&& f, const std::string& prefix = "") {
  auto visitor = [&](const char* name, auto& field, const char* doc) {
    const std::string key = prefix + name;
    if constexpr (ConfigStruct<std::remove_const_t<std::remove_reference_t<decltype(field)>>>) {
      for_each_field(field, f, key + ".");
    } else {
      f(key, field, doc);
    }
  };
  std::remove_const_t<Config>::visit(config, visitor);
}

// Keys and values as users wrote them, each with the place it came from. Later sources win.
class ConfigSource {
 public:
  // Error: unreadable. UsageError: not YAML (with the line), not a map of keys, a list where one value belongs.
  void load(const std::filesystem::path& yaml_file);
  // "train.lr=1e-4". UsageError: no '='.
  void set(const std::string& assignment);

  // Fills every field of `config` that has a value here, and refuses keys that `config` does not have (naming the nearest
  // known key) and values of another type. Returns the origin of each key that was set.
  template <class Config>
  std::map<std::string, std::string> apply(Config& config) const {
    std::vector<std::string> known;
    std::map<std::string, std::string> origins;
    for_each_field(config, [&](const std::string& key, auto& field, const char*) {
      known.push_back(key);
      if (const Value* value = find(key)) {
        parse(key, *value, field);
        origins[key] = value->origin;
      }
    });
    refuse_unknown(known);
    return origins;
  }

 private:
  struct Value {
    std::string text;
    std::string origin;  // "demo.yaml:12" or "--set"
    bool section = false;  // a map or a list stands here
    bool list = false;     // of single values, `items`
    std::vector<std::string> items{};
  };
  const Value* find(const std::string& key) const;
  void refuse_unknown(const std::vector<std::string>& known) const;
  static void parse(const std::string& key, const Value& value, std::string& field);
  static void parse(const std::string& key, const Value& value, bool& field);
  static void parse(const std::string& key, const Value& value, std::int64_t& field);
  static void parse(const std::string& key, const Value& value, double& field);
  static void parse(const std::string& key, const Value& value, std::vector<std::string>& field);

  std::map<std::string, Value> values_;
};

// Shortest text that reads back as the same value.
std::string config_text(const std::string& value);
std::string config_text(bool value);
std::string config_text(std::int64_t value);
std::string config_text(double value);
std::string config_text(const std::vector<std::string>& value);  // "[a, b]"

// YAML text of (key, value, comment) rows, sections from the dots in the keys.
struct ConfigRow {
  std::string key, value, comment;
};
std::string to_yaml(const std::vector<ConfigRow>& rows);

template <class Config>
std::vector<ConfigRow> config_rows(const Config& config) {
  std::vector<ConfigRow> rows;
  for_each_field(config, [&](const std::string& key, const auto& field, const char* doc) {
    rows.push_back({key, config_text(field), doc});
  });
  return rows;
}

// The word of `known` with the fewest edits from `word`; empty when none is near.
std::string nearest(const std::string& word, const std::vector<std::string>& known);

// UsageError "KEY is VALUE; it must be RULE" unless `holds`.
template <class T>
void require(bool holds, const char* key, const T& value, const char* rule) {
  if (!holds) throw UsageError(key, " is ", value, "; it must be ", rule);
}

}  // namespace trecvit
