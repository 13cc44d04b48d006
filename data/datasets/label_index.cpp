#include "data/datasets/label_index.h"

#include <cctype>

namespace trecvit {

std::string normalised(const std::string& name) {
  std::string plain;
  for (const unsigned char c : name) {
    if (std::isalnum(c) || c >= 0x80) plain += static_cast<char>(std::tolower(c));
  }
  return plain;
}

LabelIndex::LabelIndex(const std::vector<std::string>& labels) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    exact_.emplace(labels[i], index);
    const auto [same, first] = loose_.emplace(normalised(labels[i]), index);
    if (!first) same->second = -1;
  }
}

std::optional<std::int64_t> LabelIndex::index(const std::string& name) const {
  if (const auto found = exact_.find(name); found != exact_.end()) return found->second;
  const std::string plain = normalised(name);
  if (plain.empty()) return std::nullopt;
  if (const auto found = loose_.find(plain); found != loose_.end() && found->second >= 0) return found->second;
  return std::nullopt;
}

std::vector<std::string> merged_labels(const std::vector<std::set<std::string>>& by_split) {
  std::set<std::string> all;
  for (const std::set<std::string>& names : by_split) {
    const LabelIndex known({all.begin(), all.end()});
    std::map<std::string, int> spellings;  // of this split
    for (const std::string& name : names) ++spellings[normalised(name)];
    for (const std::string& name : names) {
      if (spellings.at(normalised(name)) > 1 || !known.index(name)) all.insert(name);
    }
  }
  return {all.begin(), all.end()};
}

}  // namespace trecvit
