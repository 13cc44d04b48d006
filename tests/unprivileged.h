// Root may read everything; tests of missing permissions must be somebody else.
#pragma once

#include <unistd.h>

namespace trecvit::test {

// While it lives the process acts as user 65534, where it was root.
class Unprivileged {
 public:
  Unprivileged() : was_root_(::geteuid() == 0 && ::seteuid(65534) == 0) {}
  ~Unprivileged() {
    if (was_root_ && ::seteuid(0) != 0) ::_exit(1);
  }
  Unprivileged(const Unprivileged&) = delete;
  Unprivileged& operator=(const Unprivileged&) = delete;

 private:
  bool was_root_;
};

}  // namespace trecvit::test
