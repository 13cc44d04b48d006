// Bytes under test where code that reads paths finds them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace trecvit {

// An anonymous file in memory, for code that reads paths.
class MemoryFile {
 public:
  MemoryFile();
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  // Replaces the content; the path stays the same.
  void set(const void* bytes, std::size_t size);
  const std::filesystem::path& path() const { return path_; }

 private:
  int fd_;
  std::filesystem::path path_;
};

// Reads every byte, so that an array that points outside its memory is noticed.
std::uint64_t touch(const void* bytes, std::size_t size);

}  // namespace trecvit
