#include "core/folder.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/file.h"
#include "unprivileged.h"

namespace trecvit {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class FolderTest : public testing::Test {
 protected:
  FolderTest() {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  ~FolderTest() override { fs::remove_all(root_); }

  void write(const std::string& name) const {
    fs::create_directories((root_ / name).parent_path());
    write_file(root_ / name, "x");
  }
  std::vector<std::string> walk() {
    std::vector<std::string> files;
    walk_files(
        root_, [&](const fs::path& file) { files.push_back(file.lexically_relative(root_).string()); },
        [&](const std::string& reason) { unreadable_.push_back(reason); });
    return files;
  }

  const fs::path root_ = fs::temp_directory_path() / text("folder_test_", ::getpid());
  std::vector<std::string> unreadable_;
};

TEST_F(FolderTest, WalkPassesOverWhatFileSystemsLeaveBehind) {
  for (const char* name :
       {"b/2", "a/1", "c", ".hidden", "a/._1", "@eaDir/1/thumb", "a/@eaDir/1", "lost+found/x", "__MACOSX/a"})
    write(name);
  EXPECT_THAT(walk(), ElementsAre("a/1", "b/2", "c"));
  EXPECT_EQ(folder_entries(root_).size(), 3u);
}

TEST_F(FolderTest, WalkEndsWhereLinksRunInCircles) {
  write("a/1");
  write("b/2");
  fs::create_directory_symlink("..", root_ / "a/up");
  fs::create_directory_symlink(".", root_ / "a/itself");
  fs::create_directory_symlink("../b", root_ / "a/b");
  fs::create_symlink("round", root_ / "round");
  fs::create_symlink("nowhere", root_ / "dangling");
  EXPECT_THAT(walk(), ElementsAre("a/1", "a/b/2", "dangling", "round"));
  EXPECT_FALSE(path_exists(root_ / "round"));
  EXPECT_FALSE(is_folder(root_ / "round/x"));
  EXPECT_FALSE(is_regular(root_ / std::string(5000, 'n')));
}

TEST_F(FolderTest, WalkGoesOnBehindAFolderThatCannotBeRead) {
  for (const char* name : {"a/1", "b/2", "c/3"}) write(name);
  ::chmod((root_ / "b").c_str(), 0);
  {
    const test::Unprivileged someone;
    EXPECT_THAT(walk(), ElementsAre("a/1", "c/3"));
    EXPECT_THAT(unreadable_, ElementsAre(HasSubstr("b cannot be read: Permission denied")));
    EXPECT_THROW(folder_entries(root_ / "b"), Error);
  }
  ::chmod((root_ / "b").c_str(), 0755);
  EXPECT_THAT(walk(), ElementsAre("a/1", "b/2", "c/3"));
  EXPECT_THROW(folder_entries(root_ / "nowhere"), Error);
}

}  // namespace
}  // namespace trecvit
