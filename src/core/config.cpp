#include "core/config.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <sstream>

#include "core/file.h"

namespace trecvit {
namespace {

int edit_distance(const std::string& a, const std::string& b) {
  std::vector<int> row(b.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const int substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

std::string last_part(const std::string& key) { return key.substr(key.rfind('.') + 1); }

// A node that stands behind a key.
template <class Value>
Value value_of(const YAML::Node& node, const std::string& origin) {
  Value value{.text = node.IsScalar() ? node.Scalar() : "", .origin = origin, .section = node.IsMap() || node.IsSequence()};
  value.list = node.IsSequence();
  if (!value.list) return value;
  for (const auto& item : node) {
    value.list = value.list && item.IsScalar();
    value.items.push_back(item.IsScalar() ? item.Scalar() : "");
    if (value.items.size() > 1000) throw UsageError(origin, ": a list has more than 1000 entries");
  }
  return value;
}

// Walks the keys of a YAML map. Aliases (&a, *a) can make a small file endless: a section within itself, or each level
// twice the one below.
template <class Add>
class Flattener {
 public:
  Flattener(std::string file, const Add& add) : file_(std::move(file)), add_(add) {}

  void walk(const YAML::Node& node, const std::string& prefix = "", int depth = 1) {
    for (const auto& entry : node) {
      const std::string origin = text(file_, ":", entry.first.Mark().line + 1);
      if (!entry.first.IsScalar()) throw UsageError(origin, ": a key must be one word, as in 'train: {lr: 1e-4}'");
      if (++visited_ > kMostKeys)
        throw UsageError(origin, ": there are more than ", kMostKeys, " keys, counting what aliases repeat");
      const std::string key = prefix + entry.first.Scalar();
      if (entry.second.IsMap()) {
        if (depth == kDeepest)
          throw UsageError(origin, ": sections are nested more than ", kDeepest,
                           " deep, or contain themselves by an alias");
        walk(entry.second, key + ".", depth + 1);
        if (entry.second.size() == 0) add(key, entry.second, origin);
      } else {
        add(key, entry.second, origin);
      }
    }
  }

 private:
  static constexpr int kDeepest = 16, kMostKeys = 10000;

  void add(const std::string& key, const YAML::Node& value, const std::string& origin) {
    const auto [same, first] = origins_.emplace(key, origin);
    if (!first) throw UsageError(origin, ": the key '", key, "' is there twice, first at ", same->second);
    add_(key, value, origin);
  }

  std::string file_;
  const Add& add_;
  std::map<std::string, std::string> origins_;
  int visited_ = 0;
};

}  // namespace

std::string nearest(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  int best_distance = static_cast<int>(word.size()) / 2 + 2;
  for (const auto& candidate : known) {
    // The right last part under a wrong section is as near as one edit.
    const bool same_part = last_part(word) == last_part(candidate);
    const auto longer = std::abs(std::ssize(word) - std::ssize(candidate));  // needs as many edits
    if (!same_part && longer >= best_distance) continue;
    const int distance = same_part ? word != candidate : edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

namespace {

// Whether there is anything but comments. UsageError: more than one document. YAML::LoadAll would tell, but never ends on
// a file such as ",".
bool check_one_document(const std::string& content, const std::filesystem::path& file) {
  int documents = 0;
  bool anything = false, open = false;  // open: the current document has a line
  std::istringstream lines(content);
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find_first_not_of(" \t\r");
    const bool marker = (line.starts_with("---") || line.starts_with("...")) && (line.size() == 3 || line[3] <= ' ');
    if (marker) {
      open = false;
      if (line.find_first_not_of(" \t\r", 3) == std::string::npos) continue;
    } else if (first == std::string::npos || line[first] == '#' || line[first] == '%') {
      continue;
    }
    anything = true;
    if (!open) ++documents;
    open = true;
  }
  if (documents > 1)
    throw UsageError(file.string(), " holds ", documents, " documents, separated by '---'; it must hold one");
  return anything;
}

}  // namespace

void ConfigSource::load(const std::filesystem::path& yaml_file) {
  YAML::Node root;
  bool empty = false;
  try {
    const std::string content = read_file(yaml_file);
    empty = !check_one_document(content, yaml_file);
    root = YAML::Load(content);
  } catch (const YAML::Exception& failure) {
    throw UsageError(yaml_file.string(), ":", failure.mark.line + 1, ": not valid YAML: ", failure.msg);
  }
  if (root.IsNull() && empty) return;
  if (!root.IsMap()) throw UsageError(yaml_file.string(), " must be a YAML map such as 'train: {lr: 1e-4}'");
  const auto add = [&](const std::string& key, const YAML::Node& value, const std::string& origin) {
    values_[key] = value_of<Value>(value, origin);
  };
  Flattener(yaml_file.filename().string(), add).walk(root);
}

void ConfigSource::set(const std::string& assignment) {
  const auto equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0)
    throw UsageError("--set ", assignment, " is not of the form key=value, such as train.lr=1e-4");
  const std::string key = assignment.substr(0, equals);
  YAML::Node node;
  try {
    node = YAML::Load(assignment.substr(equals + 1));
  } catch (const YAML::Exception& failure) {
    throw UsageError("--set ", assignment, ": the value is not valid YAML: ", failure.msg);
  }
  values_[key] = value_of<Value>(node, "--set");
}

const ConfigSource::Value* ConfigSource::find(const std::string& key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

void ConfigSource::refuse_unknown(const std::vector<std::string>& known) const {
  for (const auto& [key, value] : values_) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const bool is_section =
        std::any_of(known.begin(), known.end(), [&](const std::string& k) { return k.rfind(key + ".", 0) == 0; });
    if (is_section && value.section) continue;  // an empty section
    if (is_section)
      throw UsageError(value.origin, ": '", key, "' is a section of keys and cannot have the value '", value.text, "'");
    const std::string near = nearest(key, known);
    throw UsageError(value.origin, ": unknown key '", key, "'",
                     near.empty() ? "; 'trecvit config show' lists the known ones" : "; did you mean '" + near + "'?");
  }
}

namespace {

[[noreturn]] void wrong_type(const std::string& key, const std::string& origin, const std::string& value,
                             const char* want) {
  throw UsageError(origin, ": ", key, " must be ", want, ", not '", value, "'");
}

}  // namespace

void ConfigSource::parse(const std::string& key, const Value& value, std::string& field) {
  if (value.section) wrong_type(key, value.origin, "a list or section", "one text");
  if (value.text.find('\0') != std::string::npos)  // paths end there
    wrong_type(key, value.origin, "one with a zero byte", "text");
  field = value.text;
}

// One text alone is a list of one.
void ConfigSource::parse(const std::string& key, const Value& value, std::vector<std::string>& field) {
  if (value.section && !value.list) wrong_type(key, value.origin, "a section", "a list such as [a, b]");
  field = value.list ? value.items : std::vector<std::string>{value.text};
  for (const std::string& item : field)
    if (item.empty() || item.find('\0') != std::string::npos)
      wrong_type(key, value.origin, "one with an empty entry", "a list such as [a, b]");
}

void ConfigSource::parse(const std::string& key, const Value& value, bool& field) {
  static const std::vector<std::string> yes{"true", "True", "yes", "on", "1"}, no{"false", "False", "no", "off", "0"};
  if (!value.section && std::find(yes.begin(), yes.end(), value.text) != yes.end()) {
    field = true;
  } else if (!value.section && std::find(no.begin(), no.end(), value.text) != no.end()) {
    field = false;
  } else {
    wrong_type(key, value.origin, value.section ? "a list or section" : value.text, "true or false");
  }
}

void ConfigSource::parse(const std::string& key, const Value& value, std::int64_t& field) {
  const char* end = value.text.data() + value.text.size();
  std::int64_t parsed = 0;
  const auto [stopped, failure] = std::from_chars(value.text.data(), end, parsed);
  if (value.section || value.text.empty() || failure != std::errc() || stopped != end)
    wrong_type(key, value.origin, value.section ? "a list or section" : value.text, "a whole number");
  field = parsed;
}

void ConfigSource::parse(const std::string& key, const Value& value, double& field) {
  char* stopped = nullptr;
  const double parsed = std::strtod(value.text.c_str(), &stopped);
  const char* end = value.text.c_str() + value.text.size();  // a zero byte within stops it too
  if (value.section || value.text.empty() || stopped != end || !std::isfinite(parsed))
    wrong_type(key, value.origin, value.section ? "a list or section" : value.text, "a number");
  field = parsed;
}

std::string config_text(const std::string& value) {
  YAML::Emitter out;
  // A text that YAML would read as another type keeps its quotes.
  const bool plain = !value.empty() && value.find_first_of("\"'\n:#{}[],&*!|>%@`") == std::string::npos &&
                     value.front() != ' ' && value.back() != ' ' && value.front() != '-';
  if (!plain) out << YAML::DoubleQuoted;
  out << value;
  return out.c_str();
}

std::string config_text(const std::vector<std::string>& value) {
  std::string out = "[";
  for (const std::string& item : value) out += (out.size() > 1 ? ", " : "") + config_text(item);
  return out + "]";
}

std::string config_text(bool value) { return value ? "true" : "false"; }

std::string config_text(std::int64_t value) { return std::to_string(value); }

std::string config_text(double value) {
  char buffer[64];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value);
  return {buffer, result.ptr};
}

std::string to_yaml(const std::vector<ConfigRow>& rows) {
  std::string out;
  std::string section;
  for (const auto& row : rows) {
    const auto dot = row.key.rfind('.');
    const std::string outer = dot == std::string::npos ? "" : row.key.substr(0, dot);
    if (outer != section && !outer.empty()) out += outer + ":\n";
    section = outer;
    std::string line = (outer.empty() ? "" : "  ") + last_part(row.key) + ": " + row.value;
    if (!row.comment.empty()) {
      if (line.size() < 34) line.resize(34, ' ');
      line += "  # " + row.comment;
    }
    out += line + "\n";
  }
  return out;
}

}  // namespace trecvit
