// Opening videos must not make the program grow: video_opens [--opens 3000]
// Opens clips of the usual codecs, and every tenth time a broken one, decodes two frames of each, and compares the
// resident memory after all with that after the first 1,000. Exit code 1 when it grew by more than 5 %.
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <string>

#include "core/error.h"
#include "data/video/rgb.h"
#include "data/video/decoder.h"
#include "video_clips.h"

namespace {

using namespace trecvit;

double resident_mib() {
  long size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

void look_at(const std::string& path) {
  video::Decoder decoder(path);
  const auto count = static_cast<std::int64_t>(decoder.times().size());
  const std::int64_t numbers[] = {count / 2, 0};
  std::uint8_t rgb[32 * 32 * 3];
  decoder.decode(numbers, [&](std::size_t, const video::Frame& frame) {
    video::convert(frame, video::whole(frame), 32, 32, rgb);
  });
}

}  // namespace

int main(int count, char** arguments) {
  std::int64_t opens = 3000;
  if (count == 3 && std::string(arguments[1]) == "--opens") opens = std::stoll(arguments[2]);
  constexpr std::int64_t kSettled = 1000;
  const video_test::Folder folder;
  std::vector<std::string> paths, broken;
  for (const video_test::ClipSpec& spec : video_test::common_clips()) {
    const std::string path = (folder / (std::to_string(paths.size()) + spec.file)).string();
    if (!video_test::write_clip(path, spec)) continue;
    paths.push_back(path);
    broken.push_back((folder / (std::to_string(paths.size()) + "cut_" + spec.file)).string());
    const std::string bytes = video_test::read_bytes(path);
    video_test::write_bytes(broken.back(), bytes.substr(0, bytes.size() / (broken.size() % 2 ? 2 : 30)));
  }
  double before = 0;
  std::int64_t errors = 0;
  for (std::int64_t i = 0; i < opens; ++i) {
    const auto k = static_cast<std::size_t>(i) % paths.size();
    try {
      look_at(i % 10 == 9 ? broken[static_cast<std::size_t>(i / 10) % broken.size()] : paths[k]);
    } catch (const Error&) {
      ++errors;
    }
    if (i + 1 == kSettled) before = resident_mib();
  }
  const double after = resident_mib(), growth = 100 * (after / before - 1);
  std::cout << opens << " opens of " << paths.size() << " clips, " << errors << " of them broken: " << before
            << " MiB after " << kSettled << ", " << after << " MiB at the end, " << growth << " % more\n";
  return growth > 5 ? 1 : 0;
}
