// Random arguments for the spatial attention kernels, and what the reference makes of them.
#pragma once

#include <vector>

#include "fixtures.h"
#include "kernels/spatial_attention/reference.h"

namespace trecvit::kernels {

struct SpatialAttentionShape {
  std::int64_t frames, tokens, heads, head_width;
  std::int64_t out_size() const { return frames * tokens * heads * head_width; }
  std::int64_t lse_size() const { return frames * heads * tokens; }
  template <class Params>
  void point(Params& p) const {
    p.frames = frames, p.tokens = tokens, p.heads = heads, p.head_width = head_width;
  }
};

// `spread` is the deviation of q, k and v. Unless `solved`, the reference is not asked.
template <class Io>
struct SpatialAttentionProblem {
  SpatialAttentionShape shape;
  Numbers<Io> qkv, dout;
  std::vector<double> out, lse, dqkv;  // the reference's

  explicit SpatialAttentionProblem(const SpatialAttentionShape& s, double spread = 1.0, bool solved = true) : shape(s) {
    Rng rng(21);
    qkv = random_numbers<Io>(3 * s.out_size(), rng, spread);
    dout = random_numbers<Io>(s.out_size(), rng, 1.0);
    if (!solved) return;
    out.resize(s.out_size()), lse.resize(s.lse_size()), dqkv.resize(3 * s.out_size());
    SpatialAttentionForward<double> f;
    s.point(f);
    f.qkv = qkv.exact.data(), f.out = out.data(), f.lse = lse.data();
    reference::spatial_attention_forward(f);
    SpatialAttentionBackward<double> b;
    s.point(b);
    b.qkv = qkv.exact.data(), b.out = out.data(), b.lse = lse.data(), b.dout = dout.exact.data();
    b.dqkv = dqkv.data();
    reference::spatial_attention_backward(b);
  }
};

}  // namespace trecvit::kernels
