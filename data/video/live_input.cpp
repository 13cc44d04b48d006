#include "data/video/live_input.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace trecvit::video {

LiveInput::LiveInput(const std::string& source) : name_(source == "-" ? "standard input" : source) {
  // A pipe without a writer would block a plain open(). Standard input is shared with other processes and keeps its
  // mode.
  file_ = source == "-" ? ::dup(STDIN_FILENO) : ::open(source.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (file_ < 0) throw Error(name_, " cannot be opened: ", std::strerror(errno));
}

LiveInput::~LiveInput() { ::close(file_); }

std::size_t LiveInput::read(std::span<std::uint8_t> bytes, const Deadline& deadline) {
  constexpr int kSliceMs = 50;  // a signal may reach another thread than the one that waits
  for (;;) {
    check(deadline, name_);
    pollfd wanted{.fd = file_, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&wanted, 1, kSliceMs);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    const ssize_t count = ready < 0 ? -1 : ::read(file_, bytes.data(), bytes.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR && errno != EAGAIN) throw Error(name_, " cannot be read: ", std::strerror(errno));
  }
}

void check(const Deadline& deadline, const std::string& name) {
  if (deadline.stopped()) throw Error("reading ", name, " was interrupted");
  if (deadline.passed()) throw Error("video ", name, " took longer to read than its deadline allows");
}

}  // namespace trecvit::video
