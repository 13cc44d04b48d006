// Standard input as `stream` reads it: bare pixels, with the layout that --raw names on the first line, or an encoded
// video. FFmpeg itself is not instrumented.
#include <fcntl.h>
#include <unistd.h>

#include "core/error.h"
#include "data/video/rgb.h"
#include "driver.h"
#include "memory_file.h"
#include "data/video/feed.h"
#include "video_clips.h"

using namespace trecvit;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = input.find('\n');
  if (line == std::string::npos) return 0;
  static MemoryFile file;
  file.set(data + line + 1, size - line - 1);
  const int standard_input = ::open(file.path().c_str(), O_RDONLY);
  ensure(standard_input >= 0 && ::dup2(standard_input, STDIN_FILENO) == STDIN_FILENO, "no standard input");
  ::close(standard_input);
  try {
    const auto feed = video::open_feed({.source = "-", .raw = input.substr(0, line), .pace = Pace(1), .deadline_s = 5});
    std::uint8_t rgb[16 * 12 * 3];
    for (int frames = 0; frames < 60; ++frames) {
      const video::Frame* frame = feed->next();
      if (!frame) break;
      video::convert(*frame, video::whole(*frame), 16, 12, rgb);
      touch(rgb, sizeof rgb);
    }
  } catch (const Error&) {
  }
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  std::vector<std::string> seeds = {"8x6@12:rgb24\n" + std::string(8 * 6 * 3 * 3, 'p'),
                                    "7x5@29.97:yuv420p\n" + std::string((35 + 2 * 12) * 2 + 5, 'y'),
                                    "1x1@1e9:rgb24\nrgbrgb"};
  const video_test::Folder folder;
  for (const char* name : {"a.ts", "a.mkv", "a.mp4", "a.avi"}) {
    const video_test::ClipSpec spec{.file = name, .encoder = name[2] == 'a' ? "mpeg4" : "libx264", .frames = 6};
    if (video_test::write_clip(folder / name, spec)) seeds.push_back("\n" + video_test::read_bytes(folder / name));
  }
  return seeds;
}
