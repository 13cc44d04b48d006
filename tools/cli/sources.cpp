#include "tools/cli/sources.h"

#include <glob.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <sstream>

#include "core/error.h"
#include "core/file.h"
#include "core/folder.h"
#include "core/log.h"
#include "data/datasets/dataset.h"

namespace trecvit::tools {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> videos_below(const fs::path& folder) {
  std::vector<std::string> found;
  const auto add = [&](const fs::path& file) {
    if (is_video(file) && is_regular(file)) found.push_back(file.string());
  };
  walk_files(folder, add, log_warning);
  std::sort(found.begin(), found.end());
  if (found.empty()) throw Error(folder.string(), " holds no video");
  return found;
}

std::vector<std::string> lines_of(const fs::path& list) {
  std::vector<std::string> found;
  std::istringstream lines(read_file(list));
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) found.push_back(is_url(line) ? line : (list.parent_path() / line).string());
  }
  if (found.empty()) throw Error(list.string(), " lists no video; it must hold one path per line");
  return found;
}

std::vector<std::string> matches(const std::string& pattern) {
  std::vector<std::string> found;
  glob_t result{};
  if (::glob(pattern.c_str(), 0, nullptr, &result) == 0)
    found.assign(result.gl_pathv, result.gl_pathv + result.gl_pathc);
  ::globfree(&result);
  if (found.empty()) throw Error("nothing matches ", pattern);
  return found;
}

}  // namespace

bool is_url(const std::string& word) {
  const auto end = word.find("://");
  return end != std::string::npos && end > 0 &&
         std::all_of(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(end),
                     [](unsigned char c) { return std::isalnum(c) || c == '+' || c == '-' || c == '.'; });
}

std::vector<std::string> expand_sources(const std::vector<std::string>& words) {
  std::vector<std::string> all;
  for (const std::string& word : words) {
    std::vector<std::string> found{word};
    if (is_url(word)) {
      // Its ? begins a query and its .txt is for the server.
    } else if (is_folder(word)) {
      found = videos_below(word);
    } else if (fs::path(word).extension() == ".txt") {
      found = lines_of(word);
    } else if (word.find_first_of("*?[") != std::string::npos && !path_exists(word)) {
      found = matches(word);
    }
    all.insert(all.end(), found.begin(), found.end());
  }
  return all;
}

}  // namespace trecvit::tools
