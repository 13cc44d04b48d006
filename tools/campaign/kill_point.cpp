// A library for LD_PRELOAD that ends a program at chosen system calls: those that change files, or open them, below a
// folder.
//   KILL_POINT_FOLDER  the folder; other calls do not count
//   KILL_POINT_READS   set: opening a file to read it counts too
//   KILL_POINT_AT      none: only log | comma-separated N:HOW, where N counts calls from 1 and HOW is
//                        before  SIGKILL instead of the call      after  SIGKILL behind the call
//                        half    SIGKILL when half of a write is done; before, for other calls
//                        term    SIGTERM, and the call goes on
//   KILL_POINT_LOG     a line "N CALL PATH" per call, in front of the call
// It calls the kernel itself, so that what it does is not counted.
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

enum class How { kNothing, kBefore, kHalf, kAfter, kTerm };

std::atomic<long> calls{0};

std::string value(const char* name) {
  const char* found = std::getenv(name);
  return found ? found : "";
}

How what_happens_at(long number) {
  static const std::string points = "," + value("KILL_POINT_AT") + ",";
  const std::string wanted = "," + std::to_string(number) + ":";
  const std::size_t at = points.find(wanted);
  if (at == std::string::npos) return How::kNothing;
  switch (points[at + wanted.size()]) {
    case 'b':
      return How::kBefore;
    case 'h':
      return How::kHalf;
    case 'a':
      return How::kAfter;
    default:
      return How::kTerm;
  }
}

void end_here() {
  ::syscall(SYS_kill, ::syscall(SYS_getpid), SIGKILL);
  for (;;) ::syscall(SYS_pause);
}

// The path of a descriptor, or of a name relative to one.
std::string path_of(int fd, const char* name = nullptr) {
  if (name && name[0] == '/') return name;
  std::string folder;
  if (fd == AT_FDCWD) {
    char here[PATH_MAX];
    folder = ::syscall(SYS_getcwd, here, sizeof here) > 0 ? here : "";
  } else {
    char target[PATH_MAX];
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    const long length = ::syscall(SYS_readlink, link.c_str(), target, sizeof target);
    if (length > 0) folder.assign(target, static_cast<std::size_t>(length));
  }
  return name ? folder + "/" + name : folder;
}

// One call: counts it, logs it, and says what happens to it. SIGKILL before the call is done here, after it by the
// destructor.
class Call {
 public:
  Call(const char* name, const std::string& path, const std::string& target = "") {
    static const std::string folder = value("KILL_POINT_FOLDER");
    if (folder.empty() || (!path.starts_with(folder) && !target.starts_with(folder))) return;
    const long number = ++calls;
    static const int log = [] {
      const std::string file = value("KILL_POINT_LOG");
      return file.empty() ? -1
                          : static_cast<int>(::syscall(SYS_openat, AT_FDCWD, file.c_str(),
                                                       O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    }();
    if (log >= 0) {
      const std::string line =
          std::to_string(number) + " " + name + " " + path + (target.empty() ? "" : " " + target) + "\n";
      ::syscall(SYS_write, log, line.data(), line.size());
    }
    how_ = what_happens_at(number);
    // To this thread, so that the program has seen it before the call goes on.
    if (how_ == How::kTerm) ::syscall(SYS_tgkill, ::syscall(SYS_getpid), ::syscall(SYS_gettid), SIGTERM);
    if (how_ == How::kBefore) end_here();
  }
  ~Call() {
    if (how_ == How::kAfter) end_here();
  }
  // For a write: how much of it is done.
  std::size_t share(std::size_t count) const { return how_ == How::kHalf ? count / 2 : count; }
  void half_done() const {
    if (how_ == How::kHalf) end_here();
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  How how_ = How::kNothing;
};

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

bool counts(int flags) {
  static const bool reads = !value("KILL_POINT_READS").empty();
  return reads || (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) != 0;
}

int open_at(int folder, const char* path, int flags, mode_t mode) {
  const auto go = [&] { return static_cast<int>(::syscall(SYS_openat, folder, path, flags, mode)); };
  if (!counts(flags)) return go();
  const Call call("open", path_of(folder, path));
  call.half_done();
  return go();
}

mode_t mode_argument(int flags, va_list arguments) {
  return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

extern "C" {

#define OPEN(name, FIRST, folder)                        \
  int name(FIRST const char* path, int flags, ...) {     \
    va_list arguments;                                   \
    va_start(arguments, flags);                          \
    const mode_t mode = mode_argument(flags, arguments); \
    va_end(arguments);                                   \
    return open_at(folder, path, flags, mode);           \
  }
#define NO_FOLDER
#define FOLDER int folder,
OPEN(open, NO_FOLDER, AT_FDCWD)
OPEN(open64, NO_FOLDER, AT_FDCWD)
OPEN(openat, FOLDER, folder)
OPEN(openat64, FOLDER, folder)

ssize_t write(int fd, const void* bytes, size_t count) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t)>("write");
  if (fd <= 2) return real(fd, bytes, count);
  const Call call("write", path_of(fd));
  const ssize_t done = real(fd, bytes, call.share(count));
  call.half_done();
  return done;
}

ssize_t pwrite64(int fd, const void* bytes, size_t count, off64_t offset) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
  const Call call("pwrite", path_of(fd));
  const ssize_t done = real(fd, bytes, call.share(count), offset);
  call.half_done();
  return done;
}

// Everything else: a name, its parameters, the path or paths, the arguments.
#define CALL(name, parameters, paths, ...)                   \
  int name parameters {                                      \
    static const auto real = next<int(*) parameters>(#name); \
    const Call call(#name, paths);                           \
    call.half_done();                                        \
    return real(__VA_ARGS__);                                \
  }
#define BOTH(first, second) first, second
CALL(fsync, (int fd), path_of(fd), fd)
CALL(fdatasync, (int fd), path_of(fd), fd)
CALL(ftruncate64, (int fd, off64_t size), path_of(fd), fd, size)
CALL(rename, (const char* from, const char* to), BOTH(path_of(AT_FDCWD, from), path_of(AT_FDCWD, to)), from, to)
CALL(renameat, (int a, const char* from, int b, const char* to), BOTH(path_of(a, from), path_of(b, to)), a, from, b, to)
CALL(renameat2, (int a, const char* from, int b, const char* to, unsigned flags),
     BOTH(path_of(a, from), path_of(b, to)), a, from, b, to, flags)
CALL(link, (const char* from, const char* to), BOTH(path_of(AT_FDCWD, from), path_of(AT_FDCWD, to)), from, to)
CALL(symlink, (const char* target, const char* link), path_of(AT_FDCWD, link), target, link)
CALL(symlinkat, (const char* target, int folder, const char* link), path_of(folder, link), target, folder, link)
CALL(unlink, (const char* path), path_of(AT_FDCWD, path), path)
CALL(unlinkat, (int folder, const char* path, int flags), path_of(folder, path), folder, path, flags)
CALL(remove, (const char* path), path_of(AT_FDCWD, path), path)
CALL(rmdir, (const char* path), path_of(AT_FDCWD, path), path)
CALL(mkdir, (const char* path, mode_t mode), path_of(AT_FDCWD, path), path, mode)
CALL(mkdirat, (int folder, const char* path, mode_t mode), path_of(folder, path), folder, path, mode)
}
