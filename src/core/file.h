// Files written so that a crash, a kill or a full disk leaves either the old content or the new, never a piece.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace trecvit {

// Whole file as text or bytes. Error: missing, a folder, unreadable.
std::string read_file(const std::filesystem::path& path);

// Writes beside `path`, flushes to the disk, renames over `path`.
void write_file(const std::filesystem::path& path, const std::string& content);

// Streaming writer with the same promise: nothing appears at `path` before commit(); without it nothing is left behind.
// A link stays and the file that it points to is replaced. A device, a FIFO or an open descriptor (/dev/null,
// /dev/stdout, /dev/fd/3) cannot be replaced: what is written goes there at once.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  void write(const void* bytes, std::size_t count);
  void commit();

 private:
  std::filesystem::path path_;       // as the caller named it
  std::filesystem::path target_;     // behind all links
  std::filesystem::path temporary_;  // beside the target; empty: written in place
  int fd_ = -1;
};

// For outputs that long work ends with. Error when a file at `path` could not be written: its folder is missing, rights
// are, or a folder has its name. Changes nothing.
void check_output_file(const std::filesystem::path& path);

// The same for files in `folder`, which is made when it is missing.
void check_output_folder(const std::filesystem::path& folder);

// Lines appended to a log file and flushed one by one (JSONL); Error when the disk is full.
class LineLog {
 public:
  explicit LineLog(std::filesystem::path path);  // appends to an existing file
  ~LineLog();
  LineLog(const LineLog&) = delete;
  LineLog& operator=(const LineLog&) = delete;
  void line(const std::string& text);

 private:
  std::filesystem::path path_;
  int fd_ = -1;
};

// A read-only mapping of a whole file; stays valid while any copy of the pointer lives.
struct MappedFile {
  std::shared_ptr<const std::byte> data;
  std::size_t size = 0;
};
MappedFile map_file(const std::filesystem::path& path);

// Whether the name ends in one of these, dot included, in lower case: {".mp4", ".webm"}; that of the file may be in
// any.
bool has_suffix(const std::filesystem::path& path, std::initializer_list<std::string_view> suffixes);

// mkdir -p with a clear error.
void make_folders(const std::filesystem::path& path);

// Flushes a folder's entries to the disk, so that renames in it survive a power cut.
void sync_folder(const std::filesystem::path& path);

}  // namespace trecvit
