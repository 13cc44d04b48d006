#include "tools/cli/output.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"
#include "core/json.h"

namespace trecvit::tools {

void print(const std::string& content) {
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t count = ::write(STDOUT_FILENO, content.data() + done, content.size() - done);
    if (count >= 0) {
      done += static_cast<std::size_t>(count);
    } else if (errno == EPIPE) {
      throw OutputClosed();
    } else if (errno != EINTR) {
      throw Error("standard output cannot be written: ", std::strerror(errno));
    }
  }
}

void print_json(const Json& value, int indent) { print(json_text(value, indent) + "\n"); }

}  // namespace trecvit::tools
