#include "memory_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace trecvit {

MemoryFile::MemoryFile() : fd_(::memfd_create("fuzz", MFD_CLOEXEC)), path_(text("/proc/self/fd/", fd_)) {
  ensure(fd_ >= 0, "memfd_create: ", std::strerror(errno));
}

MemoryFile::~MemoryFile() { ::close(fd_); }

void MemoryFile::set(const void* bytes, std::size_t size) {
  ensure(::ftruncate(fd_, 0) == 0, "ftruncate: ", std::strerror(errno));
  ensure(::pwrite(fd_, bytes, size, 0) == static_cast<ssize_t>(size), "pwrite: ", std::strerror(errno));
}

std::uint64_t touch(const void* bytes, std::size_t size) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < size; ++i) sum += static_cast<const volatile std::uint8_t*>(bytes)[i];
  return sum;
}

}  // namespace trecvit
