#include "data/datasets/json_file.h"

#include <algorithm>

#include "core/error.h"
#include "core/file.h"

namespace trecvit::datasets {
namespace {

// What the parser complains of, without the library's own numbering.
std::string complaint(const Json::parse_error& error) {
  const std::string what = error.what();
  const auto colon = what.find(": ");
  return colon == std::string::npos ? what : what.substr(colon + 2);
}

}  // namespace

Json parse_json_file(const std::filesystem::path& path) {
  const std::string content = read_file(path);
  if (content.empty()) throw Error(path.string(), " is empty; JSON was expected");
  try {
    return Json::parse(content);
  } catch (const Json::parse_error& error) {
    const auto end = content.begin() + static_cast<std::ptrdiff_t>(std::min(error.byte, content.size()));
    throw Error(path.string(), " is not valid JSON at line ", 1 + std::count(content.begin(), end, '\n'), " (byte ",
                error.byte, "): ", complaint(error));
  }
}

Json parse_json_line(const std::string& content, const std::filesystem::path& path, std::size_t line) {
  try {
    return Json::parse(content);
  } catch (const Json::parse_error& error) {
    throw Error(path.string(), " is not valid JSON at line ", line, ", column ", error.byte, ": ", complaint(error));
  }
}

}  // namespace trecvit::datasets
