#include "core/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace fs = std::filesystem;

namespace trecvit {
namespace {

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

std::string reason() { return std::strerror(errno); }

void write_all(int fd, const void* bytes, std::size_t count, const fs::path& path) {
  const char* next = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t written = ::write(fd, next, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const char* advice = errno == ENOSPC ? "; free some space and run the same command again" : "";
      throw Error("cannot write ", path.string(), ": ", reason(), advice);
    }
    next += written;
    count -= static_cast<std::size_t>(written);
  }
}

}  // namespace

MappedFile map_file(const fs::path& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) throw Error("cannot open ", path.string(), ": ", reason());
  struct stat status {};
  if (::fstat(file.fd, &status) != 0) throw Error("cannot read ", path.string(), ": ", reason());
  if (S_ISDIR(status.st_mode)) throw Error(path.string(), " is a folder; a file is wanted here");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return {.data = nullptr, .size = 0};
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (address == MAP_FAILED) throw Error("cannot map ", path.string(), ": ", reason());
  return {.data = std::shared_ptr<const std::byte>(static_cast<const std::byte*>(address),
                                                   [address, size](const std::byte*) { ::munmap(address, size); }),
          .size = size};
}

std::string read_file(const fs::path& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) throw Error("cannot open ", path.string(), ": ", reason());
  std::string content;
  char buffer[65536];
  for (;;) {
    const ssize_t got = ::read(file.fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error("cannot read ", path.string(), ": ", reason());
    if (got == 0) return content;
    content.append(buffer, static_cast<std::size_t>(got));
  }
}

void write_file(const fs::path& path, const std::string& content) {
  AtomicFile file(path);
  file.write(content.data(), content.size());
  file.commit();
}

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)), temporary_(path_) {
  temporary_ += text(".part", ::getpid());
  fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) throw Error("cannot create ", path_.string(), ": ", reason());
}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* bytes, std::size_t count) { write_all(fd_, bytes, count, path_); }

void AtomicFile::commit() {
  if (::fsync(fd_) != 0) throw Error("cannot write ", path_.string(), ": ", reason());
  ::close(fd_);
  fd_ = -1;
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const std::string why = reason();
    ::unlink(temporary_.c_str());
    throw Error("cannot create ", path_.string(), ": ", why);
  }
  sync_folder(path_.has_parent_path() ? path_.parent_path() : fs::path("."));
}

LineLog::LineLog(fs::path path) : path_(std::move(path)) {
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd_ < 0) throw Error("cannot create ", path_.string(), ": ", reason());
}

LineLog::~LineLog() {
  if (fd_ >= 0) ::close(fd_);
}

void LineLog::line(const std::string& text) {
  const std::string whole = text + "\n";
  write_all(fd_, whole.data(), whole.size(), path_);
}

bool has_suffix(const fs::path& path, std::initializer_list<std::string_view> suffixes) {
  std::string own = path.extension().string();
  std::transform(own.begin(), own.end(), own.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::find(suffixes.begin(), suffixes.end(), own) != suffixes.end();
}

void make_folders(const fs::path& path) {
  std::error_code failure;
  fs::create_directories(path, failure);
  if (failure) throw Error("cannot create the folder ", path.string(), ": ", failure.message());
}

void sync_folder(const fs::path& path) {
  const Descriptor folder{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (folder.fd >= 0) ::fsync(folder.fd);
}

}  // namespace trecvit
