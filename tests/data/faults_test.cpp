// Everything that is wrong with data sets in practice, planted one by one: the check must find each, and only it.
#include <gmock/gmock.h>

#include <functional>

#include "data/datasets/check.h"
#include "synth_support.h"
#include "video_support.h"

namespace trecvit::data_test {
namespace {

namespace fs = std::filesystem;
using video_test::read_bytes;
using video_test::silence;
using video_test::write_bytes;
using video_test::write_clip;

struct Fault {
  const char* name;
  ProblemKind kind;
  bool quick;                                           // found without decoding
  std::function<void(const fs::path&, Sample&)> plant;  // the sample's file is a sound video that may be changed
};

void cut(const fs::path& path, double share) {
  const std::string bytes = read_bytes(path);
  write_bytes(path, bytes.substr(0, static_cast<std::size_t>(static_cast<double>(bytes.size()) * share)));
}

// Changes `from` in the file to `to`, of the same length.
void replace(const fs::path& path, const std::string& from, const std::string& to) {
  std::string bytes = read_bytes(path);
  for (std::size_t at = bytes.find(from); at != std::string::npos; at = bytes.find(from, at + to.size()))
    bytes.replace(at, from.size(), to);
  write_bytes(path, bytes);
}

const video_test::ClipSpec kClip{.gop = 20, .options = {{"sc_threshold", "0"}, {"qp", "10"}}};

std::vector<Fault> faults() {
  using K = ProblemKind;
  const auto file = [](auto change) { return [change](const fs::path& path, Sample&) { change(path); }; };
  return {
      {"no file", K::kMissing, true, file([](auto& p) { fs::remove(p); })},
      {"a link to nowhere", K::kMissing, true, file([](auto& p) { fs::remove(p), fs::create_symlink("gone.mp4", p); })},
      {"no bytes", K::kEmpty, true, file([](auto& p) { write_bytes(p, ""); })},
      {"a folder", K::kUnreadable, true, file([](auto& p) { fs::remove(p), fs::create_directory(p); })},
      {"a web page", K::kUnreadable, true, file([](auto& p) { write_bytes(p, "<html>Video unavailable</html>\n"); })},
      {"noise", K::kUnreadable, true, file([](auto& p) { write_bytes(p, std::string(5000, '\x5A')); })},
      {"a play list", K::kUnreadable, true,
       file([](auto& p) { write_bytes(p, "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\na.ts\n#EXT-X-ENDLIST\n"); })},
      {"sound alone", K::kUnreadable, true, file([](auto& p) { write_bytes(p, silence()); })},
      {"cut before its index", K::kUnreadable, true, file([](auto& p) { cut(p, 0.5); })},
      {"an unknown codec", K::kUnreadable, true, file([](auto& p) { replace(p, "avc1", "zzz9"); })},
      {"cut behind its index", K::kDamaged, false,
       [](const fs::path& p, Sample&) {
         auto spec = kClip;
         spec.muxer = {{"movflags", "faststart"}};
         write_clip(p, spec);
         cut(p, 0.6);
       }},
      {"a download that stopped", K::kDamaged, false,
       [](const fs::path& p, Sample& sample) {
         sample.path = fs::path(p).replace_extension(".webm");
         write_clip(
             sample.path,
             {.file = "a.webm", .encoder = "libvpx-vp9", .options = {{"deadline", "realtime"}, {"cpu-used", "8"}}});
         cut(sample.path, 0.5);
       }},
      {"bits overwritten", K::kDamaged, false, file([](auto& p) {
         std::string bytes = read_bytes(p);
         for (std::size_t i = bytes.size() / 4; i < bytes.size() / 2; ++i) bytes[i] = '\x7F';
         write_bytes(p, bytes);
       })},
      {"a hole of zeros", K::kDamaged, false, file([](auto& p) {
         std::string bytes = read_bytes(p);
         for (std::size_t i = bytes.size() / 3; i < bytes.size() / 2; ++i) bytes[i] = '\0';
         write_bytes(p, bytes);
       })},
      {"too few frames", K::kTooShort, false, file([](auto& p) {
         auto spec = kClip;
         spec.frames = 3;
         write_clip(p, spec);
       })},
      {"an id listed twice", K::kDuplicate, true, [](const fs::path&, Sample& sample) { sample.id = "sound"; }},
      {"a file listed twice", K::kDuplicate, true,
       [](const fs::path& p, Sample& sample) { sample.path = p.parent_path() / "sound.mp4"; }},
      {"a copy under another name", K::kDuplicate, false,
       file([](auto& p) { fs::copy_file(p.parent_path() / "sound.mp4", p, fs::copy_options::overwrite_existing); })},
      {"no label", K::kUnlabelled, true, [](const fs::path&, Sample& sample) { sample.label = -1; }},
      {"a label beyond the classes", K::kUnlabelled, true, [](const fs::path&, Sample& sample) { sample.label = 7; }},
      {"no folder of frames", K::kMissing, true,
       [](const fs::path& p, Sample& sample) { fs::remove(p), sample.frames = 5; }},
      {"a folder without pictures", K::kUnreadable, true,
       [](const fs::path& p, Sample& sample) {
         fs::remove(p);
         fs::create_directory(p);
         sample.frames = 5;
       }},
      {"too few pictures", K::kDamaged, true,
       [](const fs::path& p, Sample& sample) {
         fs::remove(p);
         fs::create_directory(p);
         write_bytes(p / "1.jpg", "\xFF\xD8");
         sample.frames = 2;
       }},
      {"a damaged picture", K::kDamaged, false,
       [](const fs::path& p, Sample& sample) {
         fs::remove(p);
         fs::create_directory(p);
         write_bytes(p / "1.jpg", "\xFF\xD8 no more");
         sample.frames = 1;
       }},
  };
}

class EveryFault : public testing::TestWithParam<Fault> {};
INSTANTIATE_TEST_SUITE_P(Check, EveryFault, testing::ValuesIn(faults()), [](const auto& fault) {
  std::string name = fault.param.name;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
});

TEST_P(EveryFault, IsFoundAndNothingElse) {
  const Fault& fault = GetParam();
  const TempFolder folder;
  Dataset dataset{.format = "list", .split = "train", .labels = {"a", "b"}};
  for (const char* name : {"sound", "faulty", "other"}) {
    const fs::path path = folder / (std::string(name) + ".mp4");
    auto spec = kClip;
    spec.frames = name[0] == 's' ? 40 : name[0] == 'f' ? 41 : 42;
    if (!write_clip(path, spec)) GTEST_SKIP() << "this FFmpeg has no encoder " << spec.encoder;
    dataset.samples.push_back({.id = name, .path = path, .label = name[0] == 'o'});
  }
  EXPECT_TRUE(check_dataset(dataset, {.full = true, .min_frames = 5}).problems.empty());
  fault.plant(dataset.samples[1].path, dataset.samples[1]);
  for (const bool full : {false, true}) {
    const CheckReport report = check_dataset(dataset, {.full = full, .deadline_s = 5, .min_frames = 5});
    if (!full && !fault.quick) {
      EXPECT_TRUE(report.problems.empty()) << report.problems[0].sentence;
      continue;
    }
    ASSERT_EQ(report.problems.size(), 1u) << (full ? "full" : "quick");
    EXPECT_EQ(report.problems[0].sample, 1);
    EXPECT_STREQ(problem_name(report.problems[0].kind), problem_name(fault.kind)) << report.problems[0].sentence;
    EXPECT_GT(report.problems[0].sentence.size(), 12u);
  }
}

}  // namespace
}  // namespace trecvit::data_test
