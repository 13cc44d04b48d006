#include "infer/labels.h"

#include <map>

#include "core/error.h"

namespace trecvit {

std::vector<std::int64_t> map_labels(const std::vector<std::string>& of_data, const std::vector<std::string>& of_model,
                                     bool by_name) {
  std::vector<std::int64_t> map;
  if (!by_name) {
    if (of_data.size() != of_model.size())
      throw Error("the model has ", of_model.size(), " classes and the data set has ", of_data.size(),
                  "; without names to match there must be equally many");
    for (std::size_t i = 0; i < of_data.size(); ++i) map.push_back(static_cast<std::int64_t>(i));
    return map;
  }
  std::map<std::string, std::int64_t> index;
  for (std::size_t i = 0; i < of_model.size(); ++i) index[of_model[i]] = static_cast<std::int64_t>(i);
  for (const auto& name : of_data) {
    const auto found = index.find(name);
    if (found == index.end())
      throw Error("the model does not know the data set's class '", name, "'; it was trained on other classes, such as '",
                  of_model.front(), "' (--match index takes classes in their order, whatever their names)");
    map.push_back(found->second);
  }
  return map;
}

}  // namespace trecvit
