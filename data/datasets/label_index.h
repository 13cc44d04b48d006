// Class names that are written differently in different places: "Moving something up", "moving_something_up".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace trecvit {

// In lower case, without ASCII characters other than [a-z0-9]. Letters of other scripts stay, for names that consist of
// them would all become one.
std::string normalised(const std::string& name);

// Indices of class names. An exact name wins; else the one name that is the same when normalised.
class LabelIndex {
 public:
  LabelIndex() = default;
  explicit LabelIndex(const std::vector<std::string>& labels);

  // Empty: no such name, or only several that are the same when normalised.
  std::optional<std::int64_t> index(const std::string& name) const;

 private:
  std::map<std::string, std::int64_t> exact_;
  std::map<std::string, std::int64_t> loose_;  // -1: of several names
};

// The class names of several splits in alphabetical order. A name that differs from exactly one of an earlier split in
// spelling alone is that one; names of one split stay apart.
std::vector<std::string> merged_labels(const std::vector<std::set<std::string>>& by_split);

}  // namespace trecvit
