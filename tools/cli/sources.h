// Which videos a user means.
#pragma once

#include <string>
#include <vector>

namespace trecvit::tools {

// "rtsp://host/live", "file:///x.mp4": a scheme and "://".
bool is_url(const std::string& word);

// Files and URLs as they are, the videos of folders (at any depth, by name), what patterns such as 'clips/*.mp4' match,
// and the lines of .txt lists (paths relative to the list). Error: nothing where something was named.
std::vector<std::string> expand_sources(const std::vector<std::string>& words);

}  // namespace trecvit::tools
