#include "data/datasets/csv.h"

namespace trecvit::datasets {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::vector<std::string> split_fields(std::string_view line, char separator) {
  std::vector<std::string> fields;
  std::size_t at = 0;
  for (;;) {
    while (at < line.size() && line[at] == ' ') ++at;
    std::string field;
    if (at < line.size() && line[at] == '"') {
      for (++at; at < line.size(); ++at) {
        if (line[at] != '"') {
          field += line[at];
        } else if (at + 1 < line.size() && line[at + 1] == '"') {
          field += line[++at];
        } else {
          break;
        }
      }
      at = line.find(separator, at);
    } else {
      const std::size_t end = line.find(separator, at);
      field = trimmed(line.substr(at, end == std::string_view::npos ? end : end - at));
      at = end;
    }
    fields.push_back(std::move(field));
    if (at == std::string_view::npos) return fields;
    ++at;
  }
}

std::vector<std::string> split_last_blank(std::string_view line) {
  line = trimmed(line);
  if (!line.empty() && line.front() == '"') {
    const std::size_t close = line.find('"', 1);
    if (close == std::string_view::npos) return {std::string(line)};
    std::vector<std::string> fields{std::string(line.substr(1, close - 1))};
    const std::string_view rest = trimmed(line.substr(close + 1));
    if (!rest.empty()) fields.emplace_back(rest);
    return fields;
  }
  const std::size_t blank = line.find_last_of(' ');
  if (blank == std::string_view::npos) return {std::string(line)};
  return {std::string(trimmed(line.substr(0, blank))), std::string(line.substr(blank + 1))};
}

}  // namespace trecvit::datasets
