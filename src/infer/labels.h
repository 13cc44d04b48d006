// Class names of a data set against those of a model.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace trecvit {

// For every class of the data set, its index in the model. By name, whatever case, blanks and punctuation: Error naming
// the first class that the model does not know, or two classes that would be one of the model's. By index, for models
// whose file names no classes: Error when there are not equally many.
std::vector<std::int64_t> map_labels(const std::vector<std::string>& of_data, const std::vector<std::string>& of_model,
                                     bool by_name);

}  // namespace trecvit
