// Class names of a data set against those of a model.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace trecvit {

// For every class of the data set, its index in the model. By name; by index when the model's file names no classes and the
// counts agree. Error: a class that the model does not know, naming it.
std::vector<std::int64_t> map_labels(const std::vector<std::string>& of_data, const std::vector<std::string>& of_model,
                                     bool model_has_names);

}  // namespace trecvit
