// The JSON header of a .safetensors file, read strictly.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/array.h"

namespace trecvit {

struct SafetensorsHeader {
  struct Entry {
    Dtype dtype = Dtype::kF32;
    std::vector<std::int64_t> shape;
    std::uint64_t begin = 0, end = 0;  // byte range behind the header
  };
  std::map<std::string, std::string> metadata;
  std::map<std::string, Entry> entries;
};

// {"__metadata__": {text: text}, name: {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]}, ..}, every key
// once. Ranges are not compared with anything. Error, starting with `origin`: anything else.
SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& origin);

// "F32" and the like, as the format spells them.
const char* safetensors_dtype(Dtype dtype);

}  // namespace trecvit
