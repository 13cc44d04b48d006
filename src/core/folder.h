// Folders as data sets leave them: foreign files among the videos, parts that cannot be read, links that run in
// circles.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace trecvit {

// False also where the answer cannot be had (no permission, a link to itself, a name too long); never throws.
bool path_exists(const std::filesystem::path& path);
bool is_folder(const std::filesystem::path& path);
bool is_regular(const std::filesystem::path& path);

// Something that file systems and other programs leave behind: hidden files, AppleDouble "._x", "@eaDir", "lost+found".
bool is_clutter(const std::filesystem::path& path);

// The entries of a folder, by name, without clutter. Error: it cannot be read.
std::vector<std::filesystem::path> folder_entries(const std::filesystem::path& folder);

// Calls visit(file) for every file at any depth, in the order of folder_entries(). Links are followed; a folder that is
// reached twice is entered once. A folder below `root` that cannot be read is left out, and `unreadable` is told why.
// Error: `root` itself cannot be read.
void walk_files(const std::filesystem::path& root, const std::function<void(const std::filesystem::path& file)>& visit,
                const std::function<void(const std::string& reason)>& unreadable);

}  // namespace trecvit
