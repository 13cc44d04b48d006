// Config structs (core/config.h) as JSON objects.
#pragma once

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/config.h"

namespace trecvit {

// {"width": 768, ...}; keys of nested sections are dotted.
template <class Config>
nlohmann::json to_json(const Config& config) {
  nlohmann::json json = nlohmann::json::object();
  for_each_field(config, [&](const std::string& key, const auto& field, const char*) { json[key] = field; });
  return json;
}

// Fills the fields that `json` has. Error: an unknown key or a value of another type.
template <class Config>
void from_json(const nlohmann::json& json, Config& config, const std::string& origin) {
  if (!json.is_object()) throw Error(origin, " must be a JSON object");
  std::size_t used = 0;
  for_each_field(config, [&](const std::string& key, auto& field, const char*) {
    const auto found = json.find(key);
    if (found == json.end()) return;
    using Field = std::remove_reference_t<decltype(field)>;
    using Texts = std::vector<std::string>;
    const auto is_text = [](const nlohmann::json& item) { return item.is_string(); };
    const bool fits = std::is_same_v<Field, Texts>         ? found->is_array() && std::all_of(found->begin(), found->end(), is_text)
                      : std::is_same_v<Field, std::string> ? found->is_string()
                      : std::is_same_v<Field, bool>      ? found->is_boolean()
                      : std::is_same_v<Field, double>    ? found->is_number()
                                                         : found->is_number_integer();
    if (!fits) throw Error(origin, ": ", key, " has a value of the wrong type");
    field = found->template get<Field>();
    ++used;
  });
  if (used != json.size()) throw Error(origin, " has a key that this version does not know");
}

}  // namespace trecvit
