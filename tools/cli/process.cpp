#include "tools/cli/process.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <initializer_list>

namespace trecvit::tools {

namespace {

// A file that we open must never get the number of a closed standard stream: messages would land in it.
void open_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF) ::open("/dev/null", O_RDWR);  // takes the lowest free number: fd
  }
}

}  // namespace

void prepare_process(char** argv) {
  open_standard_streams();
  // Tensors of a few megabytes are made and dropped all the time: keep their pages instead of giving them back.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 2000 << 20);
  mallopt(M_TOP_PAD, 64 << 20);
  // An idle OpenMP thread spins before it sleeps. On a machine that others use too it spends its share of a core on that,
  // and when work comes it has to wait for its turn, and all others wait for it; a thread that slept comes first. So it
  // spins for some microseconds only. The library reads this when it is loaded, hence the new start.
  // Started by way of /proc/self/exe it would be called "exe" in ps and top.
  ::prctl(PR_SET_NAME, program_invocation_short_name);
  if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY")) return;
  ::setenv("GOMP_SPINCOUNT", "300", 1);
  ::execv("/proc/self/exe", argv);
}

}  // namespace trecvit::tools
