// Forgetting attention over time (Forgetting Transformer, arXiv 2503.02130), which leaves out what has decayed
// (adaptive computation pruning, arXiv 2504.06949). Letters: T frames, rows = B*N sequences, H heads, D head width;
// time-major.
#pragma once

#include <torch/torch.h>

namespace trecvit::ops {

struct ForgettingAttentionArgs {
  at::Tensor q;      // [M, rows, H, D] fp32, bf16 or (CPU only) fp64; the last M of N frames, M <= N
  at::Tensor k;      // [N, rows, H, D], dtype of q
  at::Tensor v;      // as k
  at::Tensor log_f;  // [N, rows, H] fp32 (fp64 with fp64 q), finite, at most 0: how much of the past a frame keeps
  // Pairs whose decay is below it may be left out: negative, as forgetting_threshold() gives it. -infinity: none.
  double threshold = -std::numeric_limits<double>::infinity();
};

// out_i = sum over frames j up to i of softmax_j(q_i k_j / sqrt(D) + sum of log f from j+1 to i) v_j, [M, rows, H, D]
// in the dtype of q. Pairs of tiles of 64 frames that lie below the threshold count neither forward nor backward. The
// first gate counts nowhere. Differentiable once in q, k, v and log_f; deterministic, whatever the number of threads;
// backward keeps the arguments, the result and one number per row of weights. On CUDA D is 16, 32, 64 or 128, and bf16
// wants compute capability 8.0. Error: shapes, dtypes or devices that do not fit; a threshold that is NaN or not
// negative.
at::Tensor forgetting_attention(const ForgettingAttentionArgs& args);

// The threshold under which less than e^-10 of any row's weight is left out, for N keys and logits q k / sqrt(D) of at
// most `bound`. Error: a bound that is no finite number from 0 on.
double forgetting_threshold(double bound, std::int64_t keys);

// A stream's memory of every row's head: its last keys, values and decays, and the weight given up. Zeros: nothing.
struct ForgettingState {
  at::Tensor keys, values;  // [rows, H, W, D]
  at::Tensor c;             // [rows, H, W] fp64
  at::Tensor first, next;   // [rows, H] int64: the oldest key that is remembered; the number of keys so far
  at::Tensor lost, worst;   // [rows, H] fp64: a bound of the weight of all keys given up, now and at its largest
};
ForgettingState forgetting_state(std::int64_t rows, std::int64_t heads, std::int64_t window, std::int64_t head_width,
                                 const at::TensorOptions& options);

struct ForgettingStepArgs {
  at::Tensor q, k, v;  // [rows, H, D] fp32 or bf16
  at::Tensor log_f;    // [rows, H] fp32, finite, at most 0
  double bound = 0;    // of |q k| / sqrt(D), now and in future
};

// One frame of streams: [rows, H, D]. Overwrites the state. Old keys are given up as long as `lost` stays within e^-10;
// a full window gives up the oldest all the same, which may raise `worst` above that: outputs are then off by at most
// 2 worst max|v|. No gradient. Error: as above.
at::Tensor forgetting_attention_step(const ForgettingStepArgs& args, const ForgettingState& state);

}  // namespace trecvit::ops
