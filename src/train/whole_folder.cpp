#include "train/whole_folder.h"

#include <fcntl.h>
#include <stdio.h>

#include <vector>

#include "core/file.h"

namespace fs = std::filesystem;

namespace trecvit {
namespace {

fs::path with_suffix(fs::path path, const char* suffix) { return path += suffix; }
fs::path old_of(const fs::path& folder) { return with_suffix(folder, ".old"); }

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) found.push_back(entry.path());
  return found;
}

}  // namespace

fs::path aside_of(const fs::path& folder) { return with_suffix(folder, ".part"); }

void put_in_place(const fs::path& folder, bool exchange) {
  const fs::path aside = aside_of(folder), old = old_of(folder), parent = folder.parent_path();
  sync_folder(aside);
  if (!fs::exists(folder)) {
    fs::rename(aside, folder);
    sync_folder(parent);
    return;
  }
  if (exchange && ::renameat2(AT_FDCWD, aside.c_str(), AT_FDCWD, folder.c_str(), RENAME_EXCHANGE) == 0) {
    sync_folder(parent);
    fs::remove_all(aside);
    return;
  }
  remove_whole(old);
  fs::rename(folder, old);  // a kill from here on is mended by mend_after_kill()
  try {
    fs::rename(aside, folder);
  } catch (...) {
    fs::rename(old, folder);
    throw;
  }
  sync_folder(parent);
  remove_whole(old);
}

void remove_whole(const fs::path& folder) {
  if (!fs::exists(folder)) return;
  const fs::path aside = aside_of(folder);
  fs::remove_all(aside);
  fs::rename(folder, aside);
  fs::remove_all(aside);
}

void prepare_link(const fs::path& link, const std::string& target) {
  const fs::path fresh = with_suffix(link, ".new");
  if (fs::is_symlink(fresh) && fs::read_symlink(fresh) == target) return;
  fs::remove(fresh);
  fs::create_directory_symlink(target, fresh);
}

void point_link(const fs::path& link, const std::string& target) {
  prepare_link(link, target);
  fs::rename(with_suffix(link, ".new"), link);
  sync_folder(link.parent_path());
}

void mend_after_kill(const fs::path& parent, const std::string& prefix) {
  if (!fs::is_directory(parent)) return;
  for (const fs::path& path : entries_of(parent)) {
    if (fs::is_symlink(path) || !path.filename().string().starts_with(prefix) || !fs::is_directory(path)) continue;
    if (path.extension() == ".part") {
      fs::remove_all(path);
    } else if (path.extension() == ".old") {
      const fs::path folder = fs::path(path).replace_extension();
      fs::exists(folder) ? remove_whole(path) : fs::rename(path, folder);
    } else {
      // Files that were being replaced: AtomicFile writes NAME.part and the process's number.
      for (const fs::path& file : entries_of(path))
        if (file.extension().string().starts_with(".part")) fs::remove(file);
    }
  }
  for (const fs::path& path : entries_of(parent)) {
    if (!fs::is_symlink(path) || path.extension() != ".new") continue;
    fs::exists(path) ? fs::rename(path, fs::path(path).replace_extension()) : void(fs::remove(path));
  }
  sync_folder(parent);
}

}  // namespace trecvit
