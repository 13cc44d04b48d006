#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "core/error.h"
#include "core/file.h"
#include "io/model_conversion.h"

namespace trecvit {
namespace {

using nlohmann::json;

// {"0": "name"} and {"name": 0} as [index, name].
std::pair<std::int64_t, std::string> entry(const std::string& key, const json& value, const std::string& origin) {
  if (value.is_number_integer()) return {value.get<std::int64_t>(), key};
  const bool digits = !key.empty() && key.size() < 8 && key.find_first_not_of("0123456789") == std::string::npos;
  if (value.is_string() && digits) return {std::stoll(key), value.get<std::string>()};
  throw Error(origin, ": the entry '", key, "' is neither \"INDEX\": \"NAME\" nor \"NAME\": INDEX");
}

std::vector<std::string> from_json_text(const std::string& content, const std::string& origin) {
  json parsed;
  try {
    parsed = json::parse(content);
  } catch (const json::exception&) {
    throw Error(origin, " is not JSON; class names are [\"NAME\", ...] or {\"INDEX\": \"NAME\", ...}");
  }
  std::vector<std::string> labels;
  if (parsed.is_array()) {
    for (const auto& label : parsed) {
      if (!label.is_string()) throw Error(origin, ": class ", labels.size(), " is not a text");
      labels.push_back(label.get<std::string>());
    }
    return labels;
  }
  if (!parsed.is_object()) throw Error(origin, " must hold a list or an object of class names");
  labels.resize(parsed.size());
  std::set<std::int64_t> seen;
  for (const auto& [key, value] : parsed.items()) {
    const auto [index, name] = entry(key, value, origin);
    if (index < 0 || index >= static_cast<std::int64_t>(labels.size()) || !seen.insert(index).second)
      throw Error(origin, ": the index ", index, " of '", name, "' is given twice or is not in 0..", labels.size() - 1);
    labels[static_cast<std::size_t>(index)] = name;
  }
  return labels;
}

std::vector<std::string> from_lines(const std::string& content) {
  std::vector<std::string> labels;
  std::istringstream lines(content);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    labels.push_back(line);
  }
  while (!labels.empty() && labels.back().empty()) labels.pop_back();
  return labels;
}

}  // namespace

std::vector<std::string> read_labels(const std::filesystem::path& path, std::int64_t classes) {
  const std::string origin = path.string(), content = read_file(path);
  std::vector<std::string> labels = path.extension() == ".json" ? from_json_text(content, origin) : from_lines(content);
  std::set<std::string> seen;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i].empty()) throw Error(origin, ": class ", i, " has no name");
    if (!seen.insert(labels[i]).second) throw Error(origin, ": the class name '", labels[i], "' is given twice");
  }
  if (classes >= 0 && static_cast<std::int64_t>(labels.size()) != classes)
    throw Error(origin, " names ", labels.size(), " classes and the model has ", classes);
  return labels;
}

}  // namespace trecvit
