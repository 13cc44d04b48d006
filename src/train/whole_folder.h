// Folders that appear, are replaced and disappear whole: whenever a kill comes, a folder is there as it was or as it
// will be.
//
// NAME.part is a folder being written or removed and is never taken for NAME. NAME.old is a whole NAME that was moved
// out of the way for a moment, on file systems that cannot exchange two folders.
#pragma once

#include <filesystem>
#include <string>

namespace trecvit {

// NAME.part, where the content of `folder` is made.
std::filesystem::path aside_of(const std::filesystem::path& folder);

// Puts NAME.part in the place of NAME, whether there is one or not, and flushes. With `exchange` in one step where the
// file system can. filesystem_error: NAME is then as before.
void put_in_place(const std::filesystem::path& folder, bool exchange = true);

void remove_whole(const std::filesystem::path& folder);

// LINK.new, which becomes LINK by point_link(), or by mend_after_kill() where the folder has come to be.
void prepare_link(const std::filesystem::path& link, const std::string& target);

// Makes or replaces a link in one step, and flushes.
void point_link(const std::filesystem::path& link, const std::string& target);

// Clears away what a kill left among the folders of `parent` whose names begin with `prefix`, and the links beside
// them.
void mend_after_kill(const std::filesystem::path& parent, const std::string& prefix);

}  // namespace trecvit
