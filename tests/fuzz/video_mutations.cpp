// Broken videos must end in a picture or in one trecvit::Error, in bounded time and memory:
//   video_mutations [--runs 60] [--seed 1] [--save FOLDER] [FILE ...]
// Run i mutates one of the clips it has made (run, seed and clip decide how; the same arguments give the same files)
// and reads it in a process of its own: a signal, a foreign exception, over 20 s or over 1 GiB is a finding, and the
// file is kept in FOLDER. Files given are read as they are, which replays findings. FFmpeg itself is not instrumented
// by a sanitizer build, but what it hands us, and what we do with it, is.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/rng.h"
#include "data/video/rgb.h"
#include "data/video/decoder.h"
#include "video_clips.h"

namespace {

using namespace trecvit;
using video_test::ClipSpec;

constexpr double kDeadline = 3;  // seconds that one call gets
constexpr int kRead = 20;        // exit code of a child that came through, plus frames seen; sanitizers use small codes
constexpr int kLongest = 20;     // seconds for all calls on one file
constexpr long kMostMemory = 1L << 20;  // KiB

// A user's way with a file. Returns the number of frames.
int read_video(const std::string& path) {
  int frames = 0;
  unsigned sum = 0;
  const auto look = [&](const video::Frame& frame) {
    std::uint8_t rgb[16 * 12 * 3];
    video::View view = video::whole(frame);
    view.flip = frames % 2 == 1;
    video::convert(frame, view, 16, 12, rgb);
    for (const std::uint8_t value : rgb) sum += value;
    ++frames;
  };
  const auto attempt = [](auto&& action) {
    try {
      action();
    } catch (const Error& error) {
      // One sentence with a name in it.
      ensure(std::strlen(error.what()) > 10 && !std::strchr(error.what(), '\n'),
             "an unreadable message: ", error.what());
    }
  };
  const video::DecoderOptions options{.deadline_s = kDeadline};
  attempt([&] { video::inspect(path, options); });
  for (const std::int64_t memory : {std::int64_t{1} << 30, std::int64_t{0}}) {
    attempt([&] {
      video::Decoder decoder(path, {.deadline_s = kDeadline, .memory_bytes = memory});
      decoder.info();
      attempt([&] {
        for (int i = 0; i < 30; ++i) {
          const video::Frame* frame = decoder.next();
          if (!frame) break;
          look(*frame);
        }
      });
      const auto count = static_cast<std::int64_t>(decoder.times().size());
      for (int round = 0; round < 4 && count > 0; ++round) {
        const std::int64_t numbers[] = {count * round / 4, count - 1 - count * round / 5};
        attempt([&] { decoder.decode(numbers, [&](std::size_t, const video::Frame& frame) { look(frame); }); });
      }
      decoder.rewind();
      attempt([&] { decoder.next(); });
    });
  }
  return sum == 1 ? 0 : frames;
}

std::string mutate(std::string bytes, const std::vector<std::string>& clips, Rng& rng) {
  const auto at = [&](std::size_t size) {
    return static_cast<std::size_t>(rng.below(static_cast<std::int64_t>(size)));
  };
  for (std::int64_t step = 1 + rng.below(3); step > 0 && bytes.size() > 64; --step) {
    switch (rng.below(9)) {
      case 0:  // bits anywhere
        for (std::int64_t n = 1 + rng.below(40); n > 0; --n)
          bytes[at(bytes.size())] ^= static_cast<char>(1 << rng.below(8));
        break;
      case 1:  // bits in the headers
        for (std::int64_t n = 1 + rng.below(6); n > 0; --n) {
          bytes[at(std::min<std::size_t>(bytes.size(), 1200))] ^= static_cast<char>(1 << rng.below(8));
        }
        break;
      case 2:  // and at the end, where MP4 keeps its index
        for (std::int64_t n = 1 + rng.below(6); n > 0; --n) {
          bytes[bytes.size() - 1 - at(std::min<std::size_t>(bytes.size(), 1800))] = static_cast<char>(rng.below(256));
        }
        break;
      case 3:
        bytes.resize(at(bytes.size()));
        break;
      case 4: {  // the beginning of another clip
        const std::string& other = clips[at(clips.size())];
        const std::size_t length = std::min({other.size(), bytes.size(), at(4000) + 1});
        bytes.replace(0, length, other, 0, length);
        break;
      }
      case 5: {  // a stretch lost
        const std::size_t from = at(bytes.size());
        bytes.erase(from, at(600));
        break;
      }
      case 6: {  // a stretch twice
        const std::size_t from = at(bytes.size());
        bytes.insert(at(bytes.size()), bytes.substr(from, at(600)));
        break;
      }
      case 7: {  // wrong durations, absurd sizes: in the fields of a header that tells them
        constexpr std::string_view kHeaders[] = {"mvhd", "mdhd", "tkhd",     "elst", "stts", "stsz",
                                                 "ctts", "avc1", "avcC",     "hvc1", "av01", "avih",
                                                 "strh", "strf", "\x44\x89", "\xB0", "\xBA"};
        const std::size_t header = bytes.find(kHeaders[at(std::size(kHeaders))]);
        if (header == std::string::npos) break;
        for (std::int64_t n = 1 + rng.below(4); n > 0; --n) {
          const char extremes[] = {'\0', '\x7F', '\xFF', static_cast<char>(rng.below(256))};
          bytes[std::min(bytes.size() - 1, header + 1 + at(48))] = extremes[rng.below(4)];
        }
        break;
      }
      default: {  // zeros or ones
        const std::size_t from = at(bytes.size());
        const std::size_t length = std::min(bytes.size() - from, at(400) + 1);
        bytes.replace(from, length, length, rng.chance(0.5) ? '\0' : '\xFF');
      }
    }
  }
  return bytes;
}

// Reads `path` in a child. Returns "" or what is wrong; adds the frames seen to `frames`.
std::string read_apart(const std::string& path, long* frames) {
  const pid_t child = fork();
  ensure(child >= 0, "no process could be started");
  if (child == 0) {
    int code = 9;
    try {
      code = kRead + std::min(read_video(path), 80);
    } catch (const std::exception& failure) {
      std::cerr << "foreign exception: " << failure.what() << "\n";
    }
    std::cerr.flush();
    _exit(code);
  }
  const auto start = std::chrono::steady_clock::now();
  int status = 0;
  struct rusage usage {};
  for (;;) {
    const pid_t ended = wait4(child, &status, WNOHANG, &usage);
    if (ended == child) break;
    if (std::chrono::steady_clock::now() - start > std::chrono::seconds(kLongest)) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      return text("still reading after ", kLongest, " s");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (WIFSIGNALED(status)) return text("ended by signal ", WTERMSIG(status));
  if (WEXITSTATUS(status) < kRead) return text("ended with code ", WEXITSTATUS(status));
  if (usage.ru_maxrss > kMostMemory) return text("took ", usage.ru_maxrss / 1024, " MiB");
  *frames += WEXITSTATUS(status) - kRead;
  return "";
}

std::vector<std::string> make_clips(const video_test::Folder& folder) {
  std::vector<std::string> clips;
  for (const ClipSpec& spec : video_test::common_clips()) {
    if (video_test::write_clip(folder / spec.file, spec)) clips.push_back(video_test::read_bytes(folder / spec.file));
  }
  return clips;
}

}  // namespace

int main(int count, char** arguments) {
  std::int64_t runs = 60;
  std::uint64_t seed = 1;
  std::string save = ".";
  std::vector<std::string> files;
  for (int i = 1; i < count; ++i) {
    const std::string word = arguments[i];
    const bool more = i + 1 < count;
    if (word == "--runs" && more) {
      runs = std::stoll(arguments[++i]);
    } else if (word == "--seed" && more) {
      seed = std::stoull(arguments[++i]);
    } else if (word == "--save" && more) {
      save = arguments[++i];
    } else {
      files.push_back(word);
    }
  }
  long findings = 0, frames = 0;
  const auto report = [&](const std::string& name, const std::string& wrong) {
    ++findings;
    std::cerr << name << ": " << wrong << "\n";
  };
  for (const std::string& file : files) {
    const std::string wrong = read_apart(file, &frames);
    if (!wrong.empty()) report(file, wrong);
  }
  if (files.empty()) {
    const video_test::Folder folder;
    const std::vector<std::string> clips = make_clips(folder);
    const char* const suffixes[] = {".mp4", ".webm", ".avi", ""};
    for (std::int64_t run = 0; run < runs; ++run) {
      Rng rng(seed, static_cast<std::uint64_t>(run));
      const std::string bytes = mutate(clips[static_cast<std::size_t>(run) % clips.size()], clips, rng);
      const std::string path = (folder / (std::string("mutated") + suffixes[rng.below(4)])).string();
      video_test::write_bytes(path, bytes);
      const std::string wrong = read_apart(path, &frames);
      if (wrong.empty()) continue;
      const std::string kept = text(save, "/video_", seed, "_", run);
      video_test::write_bytes(kept, bytes);
      report(kept, wrong);
    }
  }
  std::cout << (files.empty() ? runs : static_cast<std::int64_t>(files.size())) << " files, " << frames
            << " frames decoded, " << findings << " findings\n";
  return findings > 0 ? 1 : 0;
}
