// Forgetting attention by tiles with Hopper's products. The same walks as in tiles.cu.
#include "kernels/forgetting_attention/hopper.h"
#include "kernels/forgetting_attention/tiles_backward.cuh"
#include "kernels/forgetting_attention/tiles_forward.cuh"
#include "kernels/forgetting_attention/warpgroup.cuh"

namespace trecvit::kernels {

bool forgetting_attention_hopper_served(std::int64_t head_width) {
  return (head_width == 64 || head_width == 128) && runs_hopper_code();
}

// Groups share the tiles that pass by, which pays on long walks. On short ones blocks of one group, that begin and end
// on their own, leave fewer gaps.
constexpr std::int64_t kShortWalk = 16;

void forgetting_attention_forward_hopper(const ForgettingAttentionForward<Bf16>& p, cudaStream_t stream) {
  if (p.head_width == 128) return launch_forgetting_forward<GroupProducts<128>, 2, 1>(p, stream);
  if (p.key_tiles() <= kShortWalk) return launch_forgetting_forward<GroupProducts<64>, 1, 4>(p, stream);
  launch_forgetting_forward<GroupProducts<64>, 2, 2>(p, stream);
}

void forgetting_attention_backward_hopper(const ForgettingAttentionBackward<Bf16>& p, cudaStream_t stream) {
  if (p.head_width == 128) return launch_forgetting_backward<GroupProducts<128>, 2, 1, 2, 1>(p, stream);
  if (p.key_tiles() <= kShortWalk) return launch_forgetting_backward<GroupProducts<64>, 1, 4, 1, 3>(p, stream);
  launch_forgetting_backward<GroupProducts<64>, 2, 2, 3, 1>(p, stream);
}

}  // namespace trecvit::kernels
