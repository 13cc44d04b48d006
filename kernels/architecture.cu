#include "kernels/architecture.h"

namespace trecvit::kernels {

// Every device of 9.0 takes code for 90a when it is there, and no other device does.
bool runs_hopper_code() {
#ifdef TRECVIT_HOPPER
  return compute_capability() == 90 && architecture_limit() >= 90;
#else
  return false;
#endif
}

}  // namespace trecvit::kernels
