#include "tools/process.h"

#include <malloc.h>
#include <unistd.h>

#include <cstdlib>

namespace trecvit::tools {

void prepare_process(char** argv) {
  // Tensors of a few megabytes are made and dropped all the time: keep their pages instead of giving them back.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 2000 << 20);
  mallopt(M_TOP_PAD, 64 << 20);
  // An idle OpenMP thread spins before it sleeps. On a machine that others use too it spends its share of a core on that,
  // and when work comes it has to wait for its turn, and all others wait for it; a thread that slept comes first. So it
  // spins for some microseconds only. The library reads this when it is loaded, hence the new start.
  if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY")) return;
  ::setenv("GOMP_SPINCOUNT", "300", 1);
  ::execv("/proc/self/exe", argv);
}

}  // namespace trecvit::tools
