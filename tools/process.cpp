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
  // An idle OpenMP thread spins, by default for so long that it starves whoever has the work when cores are shared (57
  // % of a training run went there). The library reads this when it is loaded, hence the new start.
  if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY")) return;
  ::setenv("GOMP_SPINCOUNT", "20000", 1);
  ::execv("/proc/self/exe", argv);
}

}  // namespace trecvit::tools
