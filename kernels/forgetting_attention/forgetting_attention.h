// Forgetting attention on the CPU: params.h and step.h say what is computed. Knows no threads: a caller spreads items
// over its own. Items are independent and do not depend on the number of threads, so neither do results.
#pragma once

#include "kernels/cpu_level.h"
#include "kernels/forgetting_attention/params.h"
#include "kernels/forgetting_attention/step.h"

namespace trecvit::kernels {

// Fills c [rows, H, N], of cells [begin, end) out of rows*H: what the two below want as `decays`.
void forgetting_decays_cpu(const float* log_f, std::int64_t cells, std::int64_t keys, double* c, std::int64_t begin,
                           std::int64_t end);

// Io: float or Bf16. Items [begin, end) out of cells * query tiles.
template <class Io>
void forgetting_attention_forward_cpu(const ForgettingAttentionForward<Io>& params, std::int64_t begin,
                                      std::int64_t end, CpuLevel level = cpu_level());
// Cells [begin, end).
template <class Io>
void forgetting_attention_backward_cpu(const ForgettingAttentionBackward<Io>& params, std::int64_t begin,
                                       std::int64_t end, CpuLevel level = cpu_level());
// Cells [begin, end).
template <class Io>
void forgetting_attention_step_cpu(const ForgettingStep<Io>& params, std::int64_t begin, std::int64_t end,
                                   CpuLevel level = cpu_level());

}  // namespace trecvit::kernels
