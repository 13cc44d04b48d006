// What a fuzz target provides and what the driver gives it. With clang a target links against libFuzzer instead of
// driver.cpp; g++ has no libFuzzer, so driver.cpp mutates seeds itself, guided by which code an input reaches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

// Gives the bytes to the code under test. Anything but a clean return is a finding: a crash, a sanitizer's report, an
// exception other than trecvit::Error (which the target catches), or more seconds or memory than such an input may
// take.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

// Well-formed inputs to start from, made by the program itself.
std::vector<std::string> fuzz_seeds();

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
