// Forgetting attention by tiles, for bf16 by the tensor cores of 8.0 and up, for fp32 without them; and which form a
// call takes.
#include "kernels/forgetting_attention/forgetting_attention_cuda.h"
#include "kernels/forgetting_attention/hopper.h"
#include "kernels/forgetting_attention/short.h"
#include "kernels/forgetting_attention/tiles_backward.cuh"
#include "kernels/forgetting_attention/tiles_forward.cuh"
#include "kernels/forgetting_attention/widths.h"

namespace trecvit::kernels {
namespace {

template <class Io, int D>
struct ProductsOf {
  using type = WarpProducts<D>;
};
template <int D>
struct ProductsOf<float, D> {
  using type = PlainProducts<D>;
};

// One group to a block, as many blocks as have registers.
template <class P>
inline constexpr int kFewBlocks = P::kWidth == 128 ? 2 : 3;
template <class P>
inline constexpr int kForwardBlocks = P::kWidth == 128 ? 2 : 4;

}  // namespace

template <class Io>
bool forgetting_attention_served_cuda(std::int64_t head_width, bool backward) {
  int bytes = 0;
  const auto need = [&]<int D>(ForgettingWidth<D>) {
    using P = typename ProductsOf<Io, D>::type;
    bytes = backward ? BackwardShared<P, 1>::kBytes : ForwardShared<P, 1>::kBytes;
  };
  return with_forgetting_width(head_width, need) && (std::is_same_v<Io, float> || architecture() >= 80) &&
         bytes <= largest_shared_memory();
}

template <class Io>
std::int64_t forgetting_decays_bytes_cuda(const ForgettingAttentionInputs<Io>& p) {
  return forgetting_attention_is_short(p) ? 0 : ForgettingDecays::bytes(p.cells(), p.query_tiles(), p.key_tiles());
}

template <class Io>
std::int64_t forgetting_backward_bytes_cuda(const ForgettingAttentionInputs<Io>& p) {
  return forgetting_attention_is_short(p) ? 0 : ForgettingSums::bytes(p.cells(), p.query_tiles(), p.key_tiles());
}

template <class Io>
void forgetting_decays_cuda(const ForgettingAttentionInputs<Io>& p, void* decays, cudaStream_t stream) {
  if (forgetting_attention_is_short(p)) return;
  launch_forgetting_decays(p.log_f, ForgettingDecays::at(p, decays), p.cells(), p.queries, p.keys, stream);
}

template <class Io>
void forgetting_attention_forward_cuda(const ForgettingAttentionForward<Io>& p, cudaStream_t stream) {
  ensure(forgetting_attention_served_cuda<Io>(p.head_width, /*backward=*/false), "forgetting_attention: D ",
         p.head_width);
  if constexpr (std::is_same_v<Io, Bf16>) {
    if (forgetting_attention_is_short(p)) return forgetting_attention_forward_short(p, stream);
    if (forgetting_attention_hopper_served(p.head_width)) return forgetting_attention_forward_hopper(p, stream);
  }
  with_forgetting_width(p.head_width, [&]<int D>(ForgettingWidth<D>) {
    using P = typename ProductsOf<Io, D>::type;
    launch_forgetting_forward<P, 1, kForwardBlocks<P>>(p, stream);
  });
}

template <class Io>
void forgetting_attention_backward_cuda(const ForgettingAttentionBackward<Io>& p, cudaStream_t stream) {
  ensure(forgetting_attention_served_cuda<Io>(p.head_width, /*backward=*/true), "forgetting_attention: D ",
         p.head_width);
  if constexpr (std::is_same_v<Io, Bf16>) {
    if (forgetting_attention_is_short(p)) return forgetting_attention_backward_short(p, stream);
    if (forgetting_attention_hopper_served(p.head_width)) return forgetting_attention_backward_hopper(p, stream);
  }
  with_forgetting_width(p.head_width, [&]<int D>(ForgettingWidth<D>) {
    using P = typename ProductsOf<Io, D>::type;
    launch_forgetting_backward<P, 1, kFewBlocks<P>, 1, kFewBlocks<P>>(p, stream);
  });
}

#define TRECVIT_FORGETTING(Io)                                                                          \
  template bool forgetting_attention_served_cuda<Io>(std::int64_t, bool);                               \
  template std::int64_t forgetting_decays_bytes_cuda(const ForgettingAttentionInputs<Io>&);             \
  template std::int64_t forgetting_backward_bytes_cuda(const ForgettingAttentionInputs<Io>&);           \
  template void forgetting_decays_cuda(const ForgettingAttentionInputs<Io>&, void*, cudaStream_t);      \
  template void forgetting_attention_forward_cuda(const ForgettingAttentionForward<Io>&, cudaStream_t); \
  template void forgetting_attention_backward_cuda(const ForgettingAttentionBackward<Io>&, cudaStream_t);
TRECVIT_FORGETTING(float)
TRECVIT_FORGETTING(Bf16)
#undef TRECVIT_FORGETTING

}  // namespace trecvit::kernels
