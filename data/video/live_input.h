// Bytes that arrive when they arrive: standard input, a named pipe, a device.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "data/video/deadline.h"

namespace trecvit::video {

class LiveInput {
 public:
  // "-": standard input; otherwise a path. A pipe that nobody writes to yet can be opened. Error: it cannot be.
  explicit LiveInput(const std::string& source);
  ~LiveInput();
  LiveInput(const LiveInput&) = delete;
  LiveInput& operator=(const LiveInput&) = delete;

  // As many bytes as there are, at least one, at most fit; 0 at the end. Waits no longer than `deadline` allows. Error:
  // it cannot be read, or the wait ended for nothing.
  std::size_t read(std::span<std::uint8_t> bytes, const Deadline& deadline);

  // In messages.
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  int file_ = -1;
};

// Error when `deadline` has passed or its caller wants to stop; `name`: of the source, for the message.
void check(const Deadline& deadline, const std::string& name);

}  // namespace trecvit::video
