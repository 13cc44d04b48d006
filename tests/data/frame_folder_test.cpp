#include "data/video/frame_folder.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "data/datasets/check.h"
#include "data/datasets/stats.h"
#include "data/loader/clip_reader.h"
#include "data/video/libav.h"
#include "synth_support.h"
#include "unprivileged.h"

namespace trecvit::data_test {
namespace {

using testing::HasSubstr;
using video::FrameFolder;

// 2 x 1 pixels, all of one level, as a BMP file.
std::string picture(int level) {
  const auto word = [](std::uint32_t value) {
    std::string bytes;
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(value >> (8 * i));
    return bytes;
  };
  const std::string planes_and_bits("\x01\x00\x18\x00", 4);
  return "BM" + word(62) + word(0) + word(54) + word(40) + word(2) + word(1) + planes_and_bits + word(0) + word(8) +
         word(0) + word(0) + word(0) + word(0) + std::string(6, static_cast<char>(level)) + std::string(2, '\0');
}

// The pixels of all frames in order.
std::vector<int> pixels(const fs::path& path) {
  FrameFolder folder(path);
  std::vector<std::int64_t> numbers;
  for (std::int64_t i = 0; i < folder.frames(); ++i) numbers.push_back(i);
  std::vector<int> found;
  folder.decode(numbers, [&](std::size_t, const video::Frame& frame) { found.push_back(frame.picture->data[0][0]); });
  return found;
}

std::string refusal(const fs::path& path) {
  return error_of([&] { FrameFolder folder(path); });
}

TEST(FrameFolder, OpticalFlowBesideThePicturesIsNoFrame) {
  for (const char* flow : {"flow_x_0000", "flow_y_0000", "x_0000", "y_0000", "flow0000"}) {
    const TempFolder folder;
    for (int i = 1; i <= 3; ++i) {
      folder.write(text("img_0000", i, ".bmp"), picture(10 * i));
      folder.write(text(flow, i, ".bmp"), picture(128));
    }
    EXPECT_THAT(pixels(folder.path()), testing::ElementsAre(10, 20, 30)) << flow;
  }
  const TempFolder alone;
  for (int i = 1; i <= 2; ++i) alone.write(text("flow_x_", i, ".bmp"), picture(i));
  EXPECT_THAT(pixels(alone.path()), testing::ElementsAre(1, 2)) << "asked for by name";
}

TEST(FrameFolder, WhatOtherProgramsLeaveIsNoFrame) {
  const TempFolder folder;
  for (int i = 1; i <= 2; ++i) folder.write(text("img_", i, ".bmp"), picture(i));
  folder.write("._img_1.bmp", "Mac OS X");
  folder.write("@eaDir/img_1.bmp/SYNOPHOTO_THUMB_M.jpg", "thumb");
  folder.write("cover.bmp", picture(99));
  EXPECT_THAT(pixels(folder.path()), testing::ElementsAre(1, 2));
}

TEST(FrameFolder, RefusesWhatCouldBeTheWrongPictures) {
  const TempFolder folder;
  folder.write("img_1.bmp", picture(1));
  folder.write("mask_1.bmp", picture(2));
  EXPECT_THAT(refusal(folder.path()), HasSubstr("several sequences, such as img_1.bmp and mask_1.bmp"));
  fs::remove(folder / "mask_1.bmp");
  folder.write("img_01.bmp", picture(1));
  EXPECT_THAT(refusal(folder.path()), HasSubstr("frame 1 twice: img_01.bmp and img_1.bmp"));
}

TEST(FrameFolder, NumbersMayHaveAnyLength) {
  const TempFolder folder;
  folder.write("t99999999999999999999999999.bmp", picture(2));
  folder.write("t100000000000000000000000000.bmp", picture(3));
  folder.write("t00000000000000000000000000000001.bmp", picture(1));
  EXPECT_THAT(pixels(folder.path()), testing::ElementsAre(1, 2, 3));
}

// One sample, said to have two pictures.
Dataset listed(const fs::path& path) {
  return {.split = "train", .labels = {"a"}, .samples = {{.id = "v", .path = path, .label = 0, .frames = 2}}};
}

std::string read_clip(const Sample& sample) {
  ClipReader reader({.sampling = {.frames = 2, .stride = 1}, .size = 8});
  std::vector<std::uint8_t> pixels(2 * 8 * 8 * 3);
  return error_of([&] { reader.read(sample, 0, 0, {.pixels = pixels.data(), .frame_step = 8 * 8 * 3}); });
}

TEST(FrameFolder, MustHoldAsManyPicturesAsItsListSays) {
  const TempFolder folder;
  folder.write("1.bmp", picture(1));
  for (const int pictures : {1, 2, 3}) {
    folder.write(text(pictures, ".bmp"), picture(pictures));
    const Dataset dataset = listed(folder.path());
    const std::string sentence = pictures == 2 ? "" : text("has ", pictures, " pictures, but its list says 2");
    EXPECT_THAT(read_clip(dataset.samples[0]), HasSubstr(sentence));
    const CheckReport report = check_dataset(dataset, {});
    EXPECT_EQ(report.problems.size(), pictures == 2 ? 0u : 1u);
    if (!report.problems.empty()) {
      EXPECT_THAT(report.problems[0].sentence, HasSubstr(sentence));
    }
    EXPECT_EQ(gather_stats(dataset, {}).facts.size(), pictures == 2 ? 1u : 0u);
  }
}

TEST(FrameFolder, OneThatCannotBeReadIsABadVideoAndNoMore) {
  const TempFolder folder;
  fs::permissions(folder.path(), fs::perms::all);
  folder.write("v/1.bmp", picture(1));
  folder.write("v/2.bmp", picture(2));
  const Dataset dataset = listed(folder / "v");
  ::chmod((folder / "v").c_str(), 0);
  {
    const test::Unprivileged someone;
    EXPECT_THAT(read_clip(dataset.samples[0]), HasSubstr("cannot be read: Permission denied"));
    const CheckReport report = check_dataset(dataset, {.full = true});
    ASSERT_EQ(report.problems.size(), 1u);
    EXPECT_EQ(report.problems[0].kind, ProblemKind::kUnreadable);
    EXPECT_EQ(gather_stats(dataset, {}).facts.size(), 0u);
  }
  ::chmod((folder / "v").c_str(), 0755);
  EXPECT_EQ(read_clip(dataset.samples[0]), "");
  // Neither links to themselves nor names that no file can have get beyond the one video.
  fs::create_directory_symlink("round", folder / "round");
  for (const fs::path& path : {folder / "round", folder / std::string(5000, 'n')}) {
    EXPECT_EQ(check_dataset(listed(path), {}).problems.at(0).kind, ProblemKind::kMissing);
    EXPECT_THAT(read_clip(listed(path).samples[0]), HasSubstr("does not exist"));
  }
}

}  // namespace
}  // namespace trecvit::data_test
