#include "data/datasets/csv.h"

#include "core/error.h"

namespace trecvit::datasets {
namespace {

constexpr std::string_view kEscaped = "\t\n\r\\", kLetters = "tnr\\";

}  // namespace

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
      if (at == line.size()) throw Error("a field begins with a quote that does not close");
      const std::size_t close = at + 1;
      at = line.find(separator, close);
      if (!trimmed(line.substr(close, at == std::string_view::npos ? at : at - close)).empty()) {
        throw Error("something follows the closing quote of \"", field, "\"; a quote within a field is written twice");
      }
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

std::vector<std::string> fields_of_line(std::string_view line, char separator, const std::filesystem::path& file,
                                        std::size_t number) {
  try {
    return split_fields(line, separator);
  } catch (const Error& error) {
    throw Error(file.string(), " line ", number, ": ", error.what());
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

std::string tab_line(const std::vector<std::string>& fields) {
  std::string line;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) line += '\t';
    for (const char c : fields[i]) {
      const std::size_t known = kEscaped.find(c);
      if (known == std::string_view::npos) {
        line += c;
      } else {
        line += {'\\', kLetters[known]};
      }
    }
  }
  return line;
}

std::vector<std::string> tab_fields(std::string_view line) {
  std::vector<std::string> fields(1);
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\t') {
      fields.emplace_back();
    } else if (line[i] == '\\' && i + 1 < line.size() && kLetters.find(line[i + 1]) != std::string_view::npos) {
      fields.back() += kEscaped[kLetters.find(line[++i])];
    } else {
      fields.back() += line[i];
    }
  }
  return fields;
}

}  // namespace trecvit::datasets
