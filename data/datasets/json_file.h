// JSON files with errors that say where. Internal to data/datasets.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace trecvit::datasets {

using Json = nlohmann::json;

// Error naming the file, the line and what is wrong there.
Json parse_json_file(const std::filesystem::path& path);

// The same for one line of a file of JSON lines; `line` counts from 1.
Json parse_json_line(const std::string& content, const std::filesystem::path& path, std::size_t line);

}  // namespace trecvit::datasets
