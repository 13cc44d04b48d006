// Where files are written: beside and renamed, through links, and in place where there is nothing to rename over.
#include "core/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <thread>

#include "core/error.h"
#include "formats/temp_files.h"

namespace trecvit {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::int64_t entries_in(const fs::path& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

template <class Work>
std::string error_of(Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(AtomicFile, LeavesTheOldFileUntilTheNewOneIsWhole) {
  const TempFolder folder;
  const fs::path path = folder.put("x", "old");
  {
    AtomicFile file(path);
    file.write("half", 4);
  }
  EXPECT_EQ(read_file(path), "old");
  write_file(path, "new");
  EXPECT_EQ(read_file(path), "new");
  EXPECT_EQ(entries_in(path.parent_path()), 1);
}

TEST(AtomicFile, ALinkStaysAndItsTargetIsReplaced) {
  const TempFolder folder;
  fs::create_directory(folder / "far");
  folder.put("far/target", "old");
  fs::create_symlink("far/target", folder / "near");
  fs::create_symlink("near", folder / "nearest");
  write_file(folder / "nearest", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "nearest"));
  EXPECT_TRUE(fs::is_symlink(folder / "near"));
  EXPECT_EQ(read_file(folder / "far/target"), "new");
}

TEST(AtomicFile, ADanglingLinkIsFilledAtItsTarget) {
  const TempFolder folder;
  fs::create_symlink("later", folder / "link");
  write_file(folder / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "later"), "new");
}

TEST(AtomicFile, LinksInACircleAreAnError) {
  const TempFolder folder;
  fs::create_symlink("b", folder / "a");
  fs::create_symlink("a", folder / "b");
  EXPECT_THAT(error_of([&] { write_file(folder / "a", "x"); }), HasSubstr("circle"));
}

TEST(AtomicFile, ADeviceIsWrittenToAndStaysADevice) {
  const TempFolder folder;
  // One of our own: what goes wrong here must not take the machine's away.
  const fs::path device = folder / "null";
  if (::mknod(device.c_str(), S_IFCHR | 0600, makedev(1, 3)) != 0 || ::access(device.c_str(), W_OK) != 0)
    GTEST_SKIP() << "devices cannot be made here";
  write_file(device, "gone");
  EXPECT_TRUE(fs::is_character_file(device));
  fs::create_symlink(device, folder / "link");
  write_file(folder / "link", "gone");
  EXPECT_TRUE(fs::is_character_file(device));
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
}

TEST(AtomicFile, AFifoPassesWhatIsWrittenToItsReader) {
  const TempFolder folder;
  const fs::path fifo = folder / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  check_output_file(fifo);  // waits for no reader
  std::string read;
  std::thread reader([&] { read = read_file(fifo); });
  write_file(fifo, "through");
  reader.join();
  EXPECT_EQ(read, "through");
  EXPECT_TRUE(fs::is_fifo(fifo));
}

// `--out /dev/stdout > file` must not cut the file off from the standard output that goes on.
TEST(AtomicFile, AnOpenDescriptorIsWrittenWhereItStands) {
  const TempFolder folder;
  const fs::path path = folder.put("log", "");
  const int fd = ::open(path.c_str(), O_WRONLY);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(::write(fd, "before ", 7), 7);
  write_file(text("/dev/fd/", fd), "between");
  ASSERT_EQ(::write(fd, " after", 6), 6);
  ::close(fd);
  EXPECT_EQ(read_file(path), "before between after");
}

TEST(OutputChecks, SayBeforehandWhatWritingWouldSayAfterwards) {
  const TempFolder folder;
  const fs::path file = folder.put("file", "kept");
  check_output_file(file);
  check_output_file(folder / "new");
  EXPECT_EQ(read_file(file), "kept");
  EXPECT_EQ(entries_in(file.parent_path()), 1);
  EXPECT_THAT(error_of([&] { check_output_file(folder / "none/new"); }), HasSubstr("none/new"));
  EXPECT_THAT(error_of([&] { check_output_file(file.parent_path()); }), HasSubstr("is a folder"));
  check_output_folder(folder / "some/where");
  EXPECT_TRUE(fs::is_empty(folder / "some/where"));
  EXPECT_THAT(error_of([&] { check_output_folder(file); }), HasSubstr("file"));
  EXPECT_THAT(error_of([&] { check_output_folder(file / "below"); }), HasSubstr("below"));
}

}  // namespace
}  // namespace trecvit
