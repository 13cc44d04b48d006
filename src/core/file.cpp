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

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

// The file behind a path, once links are followed.
struct Place {
  fs::path file;
  bool special = false;  // exists and is no regular file: a device, a FIFO, a socket
  int descriptor = -1;   // one that is already open, such as /dev/stdout
};

// The number N when `path` is the link /proc/self/fd/N, by whatever name; otherwise -1.
int descriptor_of(const fs::path& path) {
  std::error_code failure;
  const fs::path folder = fs::canonical(folder_of(path), failure);
  if (failure || folder != fs::canonical("/proc/self/fd", failure)) return -1;
  const std::string name = path.filename().string();
  const bool number = !name.empty() && name.size() < 9 && name.find_first_not_of("0123456789") == std::string::npos;
  return number ? std::stoi(name) : -1;
}

// Error: a folder, or links in a circle.
Place follow_links(const fs::path& path) {
  constexpr int kMostLinks = 40;  // as Linux itself
  Place place{.file = path};
  for (int links = 0;; ++links) {
    place.descriptor = descriptor_of(place.file);
    if (place.descriptor >= 0) return place;
    std::error_code no_link;
    const fs::path next = fs::read_symlink(place.file, no_link);
    if (no_link) break;
    if (links == kMostLinks) throw Error("cannot create ", path.string(), ": its links lead in a circle");
    place.file = place.file.parent_path() / next;
  }
  struct stat status {};
  if (::stat(place.file.c_str(), &status) != 0) return place;  // not there yet
  if (S_ISDIR(status.st_mode)) throw Error("cannot create ", path.string(), ": it is a folder; a file is wanted here");
  place.special = !S_ISREG(status.st_mode);
  return place;
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

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)) {
  const Place place = follow_links(path_);
  if (place.descriptor >= 0) {
    fd_ = ::fcntl(place.descriptor, F_DUPFD_CLOEXEC, 0);
  } else if (place.special) {
    fd_ = ::open(place.file.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    target_ = place.file;
    temporary_ = target_;
    temporary_ += text(".part", ::getpid());
    fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  }
  if (fd_ < 0) throw Error("cannot create ", path_.string(), ": ", reason());
}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* bytes, std::size_t count) { write_all(fd_, bytes, count, path_); }

void AtomicFile::commit() {
  // Devices and pipes have nothing to flush and say so.
  const bool flushed = ::fsync(fd_) == 0 || (temporary_.empty() && errno != EIO && errno != ENOSPC);
  if (!flushed) throw Error("cannot write ", path_.string(), ": ", reason());
  ::close(fd_);
  fd_ = -1;
  if (temporary_.empty()) return;
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) {
    const std::string why = reason();
    ::unlink(temporary_.c_str());
    throw Error("cannot create ", path_.string(), ": ", why);
  }
  sync_folder(folder_of(target_));
}

void check_output_file(const fs::path& path) {
  const Place place = follow_links(path);
  if (place.special) {  // opening a FIFO would wait for its reader
    if (::access(place.file.c_str(), W_OK) != 0) throw Error("cannot write ", path.string(), ": ", reason());
    return;
  }
  const AtomicFile probe(path);
}

void check_output_folder(const fs::path& folder) {
  make_folders(folder);
  check_output_file(folder / "output");
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
