#include "core/folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <utility>

#include "core/error.h"

namespace fs = std::filesystem;

namespace trecvit {
namespace {

struct Entry {
  fs::path path;
  bool folder = false;  // links followed
};

std::vector<Entry> read_entries(const fs::path& folder) {
  std::vector<Entry> entries;
  std::error_code failed;
  fs::directory_iterator it(folder, failed);
  for (const fs::directory_iterator end; !failed && it != end; it.increment(failed)) {
    if (is_clutter(it->path())) continue;
    std::error_code unknown;  // a dangling link is no folder
    entries.push_back({.path = it->path(), .folder = it->is_directory(unknown)});
  }
  if (failed) throw Error("the folder ", folder.string(), " cannot be read: ", failed.message());
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.path < b.path; });
  return entries;
}

using FolderId = std::pair<dev_t, ino_t>;

}  // namespace

bool path_exists(const fs::path& path) {
  std::error_code unknown;
  return fs::exists(path, unknown);
}

bool is_folder(const fs::path& path) {
  std::error_code unknown;
  return fs::is_directory(path, unknown);
}

bool is_regular(const fs::path& path) {
  std::error_code unknown;
  return fs::is_regular_file(path, unknown);
}

bool is_clutter(const fs::path& path) {
  static const std::set<std::string> kNames = {"@eaDir",     "@tmp",     "#recycle",     "#snapshot",
                                               "lost+found", "__MACOSX", "$RECYCLE.BIN", "System Volume Information"};
  const std::string name = path.filename().string();
  return name.starts_with('.') || kNames.contains(name);
}

std::vector<fs::path> folder_entries(const fs::path& folder) {
  std::vector<fs::path> paths;
  for (Entry& entry : read_entries(folder)) paths.push_back(std::move(entry.path));
  return paths;
}

void walk_files(const fs::path& root, const std::function<void(const fs::path& file)>& visit,
                const std::function<void(const std::string& reason)>& unreadable) {
  std::set<FolderId> entered;
  const auto walk = [&](const auto& self, const std::vector<Entry>& entries) -> void {
    for (const Entry& entry : entries) {
      if (!entry.folder) {
        visit(entry.path);
        continue;
      }
      struct stat status {};
      if (::stat(entry.path.c_str(), &status) == 0 && !entered.emplace(status.st_dev, status.st_ino).second) continue;
      std::vector<Entry> below;
      try {
        below = read_entries(entry.path);
      } catch (const Error& error) {
        unreadable(error.what());
      }
      self(self, below);
    }
  };
  struct stat status {};
  if (::stat(root.c_str(), &status) == 0) entered.emplace(status.st_dev, status.st_ino);
  walk(walk, read_entries(root));
}

}  // namespace trecvit
