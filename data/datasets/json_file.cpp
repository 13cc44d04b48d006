#include "data/datasets/json_file.h"

#include <algorithm>
#include <functional>
#include <unordered_set>
#include <vector>

#include "core/error.h"
#include "core/file.h"

namespace trecvit::datasets {
namespace {

// The parser's message without the library's error number.
std::string complaint(const Json::exception& error) {
  const std::string what = error.what();
  const auto colon = what.find(": ");
  return colon == std::string::npos ? what : what.substr(colon + 2);
}

constexpr int kDeepest = 64;  // what visits values calls itself, also in the library

// Refuses what the library takes without a word: keys that are there twice, of which only the last would count, and
// nesting that would overflow the stack.
class Strict {
 public:
  bool operator()(int depth, Json::parse_event_t event, const Json& value) {
    if (depth > kDeepest) throw Error("its values are nested more than ", kDeepest, " deep");
    if (event == Json::parse_event_t::object_start) {
      keys_.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      keys_.pop_back();
    } else if (event == Json::parse_event_t::key) {
      const auto& key = value.get_ref<const std::string&>();
      if (!keys_.back().insert(key).second) throw Error("one of its objects has the key \"", key, "\" twice");
    }
    return true;
  }

 private:
  std::vector<std::unordered_set<std::string>> keys_;  // of the objects around
};

Json parse_strictly(const std::string& content) {
  Strict strict;
  return Json::parse(content, std::ref(strict));
}

}  // namespace

Json parse_json_file(const std::filesystem::path& path) {
  const std::string content = read_file(path);
  if (content.empty()) throw Error(path.string(), " is empty; JSON was expected");
  try {
    return parse_strictly(content);
  } catch (const Json::parse_error& error) {
    const auto end = content.begin() + static_cast<std::ptrdiff_t>(std::min(error.byte, content.size()));
    throw Error(path.string(), " is not valid JSON at line ", 1 + std::count(content.begin(), end, '\n'), " (byte ",
                error.byte, "): ", complaint(error));
  } catch (const Json::exception& error) {  // a number beyond all limits
    throw Error(path.string(), ": ", complaint(error));
  } catch (const Error& error) {
    throw Error(path.string(), ": ", error.what());
  }
}

Json parse_json_line(const std::string& content, const std::filesystem::path& path, std::size_t line) {
  try {
    return parse_strictly(content);
  } catch (const Json::parse_error& error) {
    throw Error(path.string(), " is not valid JSON at line ", line, ", column ", error.byte, ": ", complaint(error));
  } catch (const Json::exception& error) {
    throw Error(path.string(), " line ", line, ": ", complaint(error));
  } catch (const Error& error) {
    throw Error(path.string(), " line ", line, ": ", error.what());
  }
}

}  // namespace trecvit::datasets
