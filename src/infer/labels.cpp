#include "infer/labels.h"

#include <map>

#include "core/error.h"

namespace trecvit {

std::vector<std::int64_t> map_labels(const std::vector<std::string>& of_data, const std::vector<std::string>& of_model,
                                     bool model_has_names) {
  std::vector<std::int64_t> map;
  if (!model_has_names) {
    if (of_data.size() != of_model.size())
      throw Error("the model has ", of_model.size(), " classes without names and the data set has ", of_data.size(),
                  "; they must agree");
    for (std::size_t i = 0; i < of_data.size(); ++i) map.push_back(static_cast<std::int64_t>(i));
    return map;
  }
  std::map<std::string, std::int64_t> index;
  for (std::size_t i = 0; i < of_model.size(); ++i) index[of_model[i]] = static_cast<std::int64_t>(i);
  for (const auto& name : of_data) {
    const auto found = index.find(name);
    if (found == index.end())
      throw Error("the model does not know the data set's class '", name, "'; it was trained on other classes, such as '",
                  of_model.front(), "'");
    map.push_back(found->second);
  }
  return map;
}

}  // namespace trecvit
