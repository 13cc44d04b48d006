// Failures that a user can mend, and the exit codes they end with.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace trecvit {

// Exit codes of the program; docs/architecture.md lists them too.
enum class ExitCode { kDone = 0, kFailed = 1, kUsage = 2, kBelowGate = 3, kInterrupted = 130 };

// Joins anything printable into one string: text("frame ", 3, " of ", path).
template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

// The work could not be done: a file is missing, broken or of the wrong shape. The message is one sentence that says what
// was wrong, where, and what would be right. Ends the program with exit code 1.
class Error : public std::runtime_error {
 public:
  template <class... Parts>
  explicit Error(const Parts&... parts) : std::runtime_error(text(parts...)) {}
};

// The command line or the configuration asks for something impossible. Ends the program with exit code 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

// A fault of ours, never of the caller: states what should have held.
class InternalError : public std::logic_error {
 public:
  template <class... Parts>
  explicit InternalError(const Parts&... parts) : std::logic_error(text(parts...)) {}
};

// Throws InternalError when an invariant of ours does not hold.
template <class... Parts>
void ensure(bool holds, const Parts&... parts) {
  if (!holds) throw InternalError(parts...);
}

}  // namespace trecvit
