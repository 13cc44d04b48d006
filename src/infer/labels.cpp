#include "infer/labels.h"

#include <map>

#include "core/error.h"
#include "data/datasets/label_index.h"

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
  const LabelIndex index(of_model);
  std::map<std::int64_t, std::string> taken;  // class of the model, name in the data set
  for (const auto& name : of_data) {
    const auto found = index.index(name);
    if (!found)
      throw Error("the model does not know the data set's class '", name,
                  "'; it was trained on other classes, such as '", of_model.front(),
                  "' (--match index takes classes in their order, whatever their names)");
    const auto [same, first] = taken.emplace(*found, name);
    if (!first)
      throw Error("the data set's classes '", same->second, "' and '", name, "' are both the model's class '",
                  of_model[static_cast<std::size_t>(*found)],
                  "' (--match index takes classes in their order, whatever their names)");
    map.push_back(*found);
  }
  return map;
}

}  // namespace trecvit
