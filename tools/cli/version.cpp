#include "tools/cli/version.h"

#include "commit.h"

namespace trecvit::tools {

std::string program_version() { return TRECVIT_VERSION; }
std::string git_commit() { return TRECVIT_COMMIT; }

bool cuda_build() {
#ifdef TRECVIT_TORCH_CUDA
  return true;
#else
  return false;
#endif
}

}  // namespace trecvit::tools
