// Lists of "path label" separated by a blank (VideoMAE, V-JEPA 2, SlowFast: also when named .csv), comma or tab; of
// "folder frames label" for extracted frames; and files of JSON lines {"path", "label", "start", "end"}.
#include <algorithm>

#include "core/error.h"
#include "data/datasets/csv.h"
#include "data/datasets/entries.h"
#include "data/datasets/json_file.h"

namespace trecvit::datasets {
namespace {

const std::initializer_list<std::string_view> kListSuffixes = {".txt", ".csv", ".tsv", ".list", ".lst"};
const std::initializer_list<std::string_view> kJsonSuffixes = {".jsonl", ".ndjson"};

// "path label", both of which may contain blanks: the path ends with the first word that ends like a video's name. Of
// "path 120 3" the last number is the label.
std::vector<std::string> split_blanks(const std::string& line) {
  const std::string text(trimmed(line));
  for (std::size_t at = text.find(' '); text[0] != '"' && at != std::string::npos; at = text.find(' ', at + 1)) {
    if (!is_video(text.substr(0, at))) continue;
    const std::string rest(trimmed(text.substr(at)));
    const bool numbers = rest.find_first_not_of("0123456789 ") == std::string::npos;
    return {text.substr(0, at), numbers ? split_last_blank(rest).back() : rest};
  }
  return split_last_blank(line);
}

bool is_count(const std::string& text) {
  return !text.empty() && text.size() < 8 && text.find_first_not_of("0123456789") == std::string::npos &&
         std::stol(text) > 0;
}

// "folder frames label" of extracted frames: folder and label may contain blanks, so the last count with something
// behind it is the number of frames. Empty when there is none.
std::vector<std::string> split_frames(const std::string& line) {
  const std::string text(trimmed(line));
  for (std::size_t end = text.rfind(' '); end != std::string::npos && end > 0; end = text.rfind(' ', end - 1)) {
    const std::size_t begin = text.rfind(' ', end - 1);
    if (begin == std::string::npos) break;
    const std::string word = text.substr(begin + 1, end - begin - 1);
    if (is_count(word)) return {text.substr(0, begin), word, text.substr(end + 1)};
  }
  return {};
}

// Whether a comma ends the first field. It does not inside the quotes around a path, after which a blank may follow.
bool has_comma(const std::string& line) {
  const std::size_t first = line.find_first_not_of(' ');
  if (first == std::string::npos || line[first] != '"') return line.find(',') != std::string::npos;
  std::size_t close = line.find('"', first + 1);
  while (close != std::string::npos && line.compare(close, 2, "\"\"") == 0) close = line.find('"', close + 2);
  return close == std::string::npos || trimmed(line.substr(close + 1)).starts_with(',');
}

// Fields of a line: path [label], or folder, frames, label.
std::vector<std::string> split_line(const std::string& line, const fs::path& file, std::size_t number) {
  if (line.find('\t') != std::string::npos) return fields_of_line(line, '\t', file, number);
  if (has_comma(line)) {
    // A comma inside the path of a blank-separated list does not end it.
    std::vector<std::string> fields = fields_of_line(line, ',', file, number);
    if (is_video(fields[0])) return fields;
    if (fields.size() == 2 && fields[1].find_first_of("/.") == std::string::npos) return fields;  // a header
    if (fields.size() == 3 && is_count(fields[1])) return fields;
  }
  std::vector<std::string> fields = split_blanks(line);
  if (is_video(fields[0])) return fields;
  const std::vector<std::string> frames = split_frames(line);
  return frames.empty() ? fields : frames;
}

std::vector<Entry> read_list_file(const fs::path& file) {
  std::vector<Entry> entries;
  const std::vector<std::string> lines = read_lines(file);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (trimmed(lines[i]).empty() || trimmed(lines[i]).front() == '#') continue;
    const std::vector<std::string> fields = split_line(lines[i], file, i + 1);
    Entry entry{.path = fields[0], .label = fields.size() > 1 ? fields[1] : "", .line = i + 1};
    const bool header = entries.empty() && !is_video(entry.path) &&
                        (normalised(entry.label) == "label" || normalised(entry.label) == "class");
    if (header) continue;
    if (!is_video(entry.path) && fields.size() == 3 && is_count(fields[1])) {
      entry.frames = std::stol(fields[1]);
      entry.label = fields[2];
    } else if (!is_video(entry.path) && !fs::path(entry.path).has_extension()) {
      throw Error(file.string(), " line ", i + 1, ": \"", entry.path,
                  "\" is not a video file; a line must be \"path label\", or \"folder frames label\" for extracted "
                  "frames");
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

double seconds_of(const Json& entry, const char* key, const fs::path& file, std::size_t line) {
  const auto found = entry.find(key);
  if (found == entry.end() || found->is_null()) return -1;
  if (found->is_number() && found->get<double>() >= 0) return *found;
  throw Error(file.string(), " line ", line, ": \"", key, "\" is ", found->dump(), "; it must be seconds, 0 or more");
}

std::vector<Entry> read_json_lines(const fs::path& file) {
  std::vector<Entry> entries;
  const std::vector<std::string> lines = read_lines(file);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (trimmed(lines[i]).empty()) continue;
    const Json json = parse_json_line(lines[i], file, i + 1);
    const auto path = json.find("path");
    if (!json.is_object() || path == json.end() || !path->is_string()) {
      throw Error(file.string(), " line ", i + 1,
                  " has no \"path\"; each line must be like {\"path\": \"a.mp4\", "
                  "\"label\": \"waving\"}");
    }
    Entry entry{.path = *path, .line = i + 1};
    if (entry.path.find('\0') != std::string::npos) {
      throw Error(file.string(), " line ", i + 1, ": \"path\" is ", path->dump(), "; a path has no zero byte");
    }
    if (const auto label = json.find("label"); label != json.end() && !label->is_null()) {
      if (!label->is_string() && !label->is_number_integer()) {
        throw Error(file.string(), " line ", i + 1, ": \"label\" is ", label->dump(),
                    "; it must be a name or a number");
      }
      entry.label = label->is_string() ? label->get<std::string>() : label->dump();
    }
    entry.start_s = seconds_of(json, "start", file, i + 1);
    entry.end_s = seconds_of(json, "end", file, i + 1);
    if (entry.end_s >= 0 && entry.end_s <= entry.start_s) {
      throw Error(file.string(), " line ", i + 1, ": \"end\" must be later than \"start\"");
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

Dataset read_with(std::vector<Entry> (*read)(const fs::path&), const std::map<std::string, fs::path>& files,
                  const fs::path& root, const std::string& split) {
  const fs::path own = file_of_split(files, root, split);
  std::map<std::string, Entries> by_split;
  for (const auto& [name, file] : files) by_split[file == own ? split : name] = {.file = file, .entries = read(file)};
  Dataset dataset = from_entries(by_split, split);
  // A part of a file is not the file: two of them need two names.
  for (Sample& sample : dataset.samples) {
    if (sample.start_s >= 0 || sample.end_s >= 0) sample.id += "@" + config_text(std::max(0.0, sample.start_s));
    if (sample.end_s >= 0) sample.id += "-" + config_text(sample.end_s);
  }
  return dataset;
}

}  // namespace

bool can_read_list(const fs::path& root) { return !split_files(root, kListSuffixes).empty(); }

Dataset read_list(const fs::path& root, const std::string& split) {
  return read_with(read_list_file, split_files(root, kListSuffixes), root, split);
}

bool can_read_jsonl(const fs::path& root) { return !split_files(root, kJsonSuffixes).empty(); }

Dataset read_jsonl(const fs::path& root, const std::string& split) {
  return read_with(read_json_lines, split_files(root, kJsonSuffixes), root, split);
}

}  // namespace trecvit::datasets
