// Norms: a warp to a row, which it holds in registers (rows too wide for that, or oddly laid out, it reads again from
// cache). Backward runs a fixed number of blocks over all rows and leaves their sums for the parameters' gradients in
// partials, [blocks][kinds][C], so that nothing but x and dy is read, and once.
#include <algorithm>

#include "kernels/norm/norm_cuda.h"
#include "kernels/partials.cuh"

namespace trecvit::kernels {
namespace {

constexpr int kForwardWarps = 2;           // rows to a block, at most; small blocks end one by one
constexpr int kWarps = 8;                  // the same of backward, at a time
constexpr std::int64_t kMostBlocks = 264;  // of backward: two to each multiprocessor of an H100

template <NormKind kKind>
constexpr int kKinds = kKind == NormKind::kRms ? 1 : 2;  // dscale, dbias

// The same sum in every lane.
__device__ __forceinline__ float warp_sum(float value) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(0xffffffffu, value, offset);
  return value;
}

// f(n, c) for the lane's packs of V channels: the n-th begins at channel c. kPacks = 0: any number of them, n is 0.
template <int V, int kPacks, class F>
__device__ __forceinline__ void for_packs(std::int64_t channels, const F& f) {
  if constexpr (kPacks > 0) {
#pragma unroll
    for (int n = 0; n < kPacks; ++n) {
      const int c = (n * 32 + static_cast<int>(threadIdx.x)) * V;
      if (c < channels) f(n, c);
    }
  } else {
    for (std::int64_t c = threadIdx.x * V; c < channels; c += 32 * V) f(0, c);
  }
}

template <class Io, int V, int kPacks>
class Row {
 public:
  __device__ __forceinline__ Row(const Io* from, std::int64_t channels) : from_(from) {
    if constexpr (kPacks > 0) {
      for_packs<V, kPacks>(channels, [&](int n, std::int64_t c) { packs_[n] = load_pack<V>(from + c); });
    }
  }
  __device__ __forceinline__ Pack<Io, V> at(int n, std::int64_t c) const {
    return kPacks > 0 ? packs_[n] : load_pack<V>(from_ + c);
  }

 private:
  const Io* from_;
  Pack<Io, V> packs_[kPacks > 0 ? kPacks : 1];
};

// y = normalised value * factor + offset, of a pack of channels.
template <NormKind kKind, int V>
struct Affine {
  float factor[V], offset[V] = {};

  Affine() = default;
  template <class Io>
  __device__ __forceinline__ Affine(const NormInputs<Io>& p, std::int64_t c) {
    load_wide(p.scale + c, factor);
    if constexpr (kKind == NormKind::kRms) {
#pragma unroll
      for (int k = 0; k < V; ++k) factor[k] += 1.0f;
    } else {
      load_wide(p.bias + c, offset);
    }
  }
};

// The same for all packs of the lane, in registers if their number is known; else read when asked for.
template <NormKind kKind, class Io, int V, int kPacks>
class Affines {
 public:
  __device__ __forceinline__ explicit Affines(const NormInputs<Io>& p) : p_(p) {
    if constexpr (kPacks > 0) {
      for_packs<V, kPacks>(p.channels, [&](int n, std::int64_t c) { kept_[n] = Affine<kKind, V>(p, c); });
    }
  }
  __device__ __forceinline__ Affine<kKind, V> at(int n, std::int64_t c) const {
    return kPacks > 0 ? kept_[n] : Affine<kKind, V>(p_, c);
  }

 private:
  const NormInputs<Io>& p_;
  Affine<kKind, V> kept_[kPacks > 0 ? kPacks : 1];
};

// One row to a warp. Parameters arrive before the rows do.
template <class Io, int V, int kPacks, NormKind kKind>
__global__ __launch_bounds__(kForwardWarps * 32) void forward(const NormForward<Io> p) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  const Affines<kKind, Io, V, kPacks> affines(p);
  pdl_launch_dependents();
  pdl_wait();
  if (row >= p.rows) return;
  const Row<Io, V, kPacks> x(p.x + row * p.channels, p.channels);
  const float count = static_cast<float>(p.channels);
  float mean = 0;
  if constexpr (kKind == NormKind::kLayer) {
    for_packs<V, kPacks>(p.channels, [&](int n, std::int64_t c) {
      const auto pack = x.at(n, c);
#pragma unroll
      for (int k = 0; k < V; ++k) mean += widen(pack.v[k]);
    });
    mean = warp_sum(mean) / count;
  }
  float squares = 0;
  for_packs<V, kPacks>(p.channels, [&](int n, std::int64_t c) {
    const auto pack = x.at(n, c);
#pragma unroll
    for (int k = 0; k < V; ++k) squares += (widen(pack.v[k]) - mean) * (widen(pack.v[k]) - mean);
  });
  const float inverse = 1.0f / sqrtf(warp_sum(squares) / count + static_cast<float>(kNormEpsilon));
  if (p.inverse && threadIdx.x == 0) {
    p.inverse[row] = inverse;
    if constexpr (kKind == NormKind::kLayer) p.mean[row] = mean;
  }
  for_packs<V, kPacks>(p.channels, [&](int n, std::int64_t c) {
    const auto pack = x.at(n, c);
    const Affine<kKind, V> affine = affines.at(n, c);
    Pack<Io, V> y;
#pragma unroll
    for (int k = 0; k < V; ++k) put((widen(pack.v[k]) - mean) * inverse * affine.factor[k] + affine.offset[k], y.v[k]);
    store_pack(p.y + row * p.channels + c, y);
  });
}

// A block's sums for the gradients of the parameters: in registers until all rows are done; with kPacks = 0, where
// there is no bound to their number and a block is one warp, in the block's own partials from the start.
template <int V, int kPacks, int kKinds>
class ParameterSums {
 public:
  __device__ __forceinline__ ParameterSums(float* partials, std::int64_t channels)
      : own_(partials + blockIdx.x * kKinds * channels), channels_(channels) {
    if constexpr (kPacks == 0) {
      for (std::int64_t c = threadIdx.x; c < kKinds * channels; c += 32) own_[c] = 0.0f;
      __syncwarp();
    }
  }
  __device__ __forceinline__ void add(int kind, int n, std::int64_t c, int k, float value) {
    if constexpr (kPacks > 0) {
      sums_[kind][n][k] += value;
    } else {
      own_[kind * channels_ + c + k] += value;
    }
  }
  __device__ __forceinline__ void finish() {
    if constexpr (kPacks > 0) {
      __shared__ __align__(16) float shared[kWarps][kPacks * 32 * V];
#pragma unroll
      for (int kind = 0; kind < kKinds; ++kind) {
        __syncthreads();
#pragma unroll
        for (int n = 0; n < kPacks; ++n) {
#pragma unroll
          for (int k = 0; k < V; ++k) shared[threadIdx.y][(n * 32 + threadIdx.x) * V + k] = sums_[kind][n][k];
        }
        __syncthreads();
        for (std::int64_t c = threadIdx.y * 32 + threadIdx.x; c < channels_; c += kWarps * 32) {
          float sum = 0;
#pragma unroll
          for (int warp = 0; warp < kWarps; ++warp) sum += shared[warp][c];
          own_[kind * channels_ + c] = sum;
        }
      }
    }
  }

 private:
  float* own_;
  std::int64_t channels_;
  float sums_[kKinds][kPacks > 0 ? kPacks : 1][V] = {};
};

template <class Io, int V, int kPacks, NormKind kKind>
__global__ __launch_bounds__(kWarps * 32, 2) void backward(const NormBackward<Io> p) {
  ParameterSums<V, kPacks, kKinds<kKind>> sums(p.partials, p.channels);
  const float count = static_cast<float>(p.channels);
  for (std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y; row < p.rows;
       row += static_cast<std::int64_t>(gridDim.x) * blockDim.y) {
    const std::int64_t line = row * p.channels;
    const Row<Io, V, kPacks> x(p.x + line, p.channels), dy(p.dy + line, p.channels);
    const float inverse = p.inverse[row], mean = kKind == NormKind::kLayer ? p.mean[row] : 0.0f;
    float along = 0, level = 0;
    for_packs<V, kPacks>(p.channels, [&](int n, std::int64_t c) {
      const auto xs = x.at(n, c), dys = dy.at(n, c);
      const Affine<kKind, V> affine(p, c);
      Pack<Io, V> y;
#pragma unroll
      for (int k = 0; k < V; ++k) {
        const float normal = (widen(xs.v[k]) - mean) * inverse, d = widen(dys.v[k]), g = d * affine.factor[k];
        along += g * normal;
        level += g;
        sums.add(0, n, c, k, d * normal);
        if constexpr (kKind == NormKind::kLayer) sums.add(1, n, c, k, d);
        put(normal * affine.factor[k] + affine.offset[k], y.v[k]);
      }
      if (p.y) store_pack(p.y + line + c, y);
    });
    along = warp_sum(along) / count;
    level = kKind == NormKind::kLayer ? warp_sum(level) / count : 0.0f;
    for_packs<V, kPacks>(p.channels, [&](int n, std::int64_t c) {
      const auto xs = x.at(n, c), dys = dy.at(n, c);
      const Affine<kKind, V> affine(p, c);
      Pack<Io, V> skip, dx;
      if (p.dskip) skip = load_pack<V>(p.dskip + line + c);
#pragma unroll
      for (int k = 0; k < V; ++k) {
        const float normal = (widen(xs.v[k]) - mean) * inverse;
        const float through = inverse * (widen(dys.v[k]) * affine.factor[k] - level - normal * along);
        put(p.dskip ? widen(skip.v[k]) + through : through, dx.v[k]);
      }
      store_pack(p.dx + line + c, dx);
    });
  }
  sums.finish();
}

template <class Io, int V>
bool fits(const NormInputs<Io>& p) {
  constexpr int kWide = V < 4 ? V : 4;
  return p.channels % V == 0 && vector_fits(p.x, V, V) && vector_fits(p.scale, V, kWide) &&
         vector_fits(p.bias, V, kWide);
}
template <class Io, int V>
bool outputs_fit(const NormForward<Io>& p) {
  return vector_fits(p.y, V, V);
}
template <class Io, int V>
bool outputs_fit(const NormBackward<Io>& p) {
  return vector_fits(p.dy, V, V) && vector_fits(p.dskip, V, V) && vector_fits(p.dx, V, V) && vector_fits(p.y, V, V);
}

template <class Io, int V, int kPacks, NormKind kKind>
void launch(const NormForward<Io>& p, cudaStream_t stream) {
  // Few rows are spread over all multiprocessors.
  const std::int64_t warps = std::clamp<std::int64_t>(p.rows / multiprocessors(), 1, kForwardWarps);
  const dim3 grid = grid_of(ceil_div(p.rows, warps)), block(32, static_cast<unsigned>(warps));
  const auto kernel = forward<Io, V, kPacks, kKind>;
  // While training, the kernel before may be the one that changes the parameters, which are read before it has ended.
  if (p.inverse) {
    kernel<<<grid, block, 0, stream>>>(p);
    check_launch("norm forward");
  } else {
    launch_dependent("norm forward", kernel, grid, block, 0, stream, p);
  }
}

template <class Io, int V, int kPacks, NormKind kKind>
void launch(const NormBackward<Io>& p, cudaStream_t stream) {
  constexpr int kRows = kPacks > 0 ? kWarps : 1;
  const std::int64_t blocks = std::min(ceil_div(p.rows, kRows), kMostBlocks);
  backward<Io, V, kPacks, kKind><<<grid_of(blocks), dim3(32, kRows), 0, stream>>>(p);
  check_launch("norm backward");
  PartialResults<kKinds<kKind>> results{{p.dscale}};
  if constexpr (kKind == NormKind::kLayer) results.at[1] = p.dbias;
  launch_sum_partials<kKinds<kKind>>(p.partials, blocks, p.channels, results, stream);
}

// Registers for rows of up to 4 packs of the widest vectors, which fit; else one of the forms that read again.
template <NormKind kKind, class Params>
void launch_kind(const Params& p, cudaStream_t stream) {
  using Io = std::remove_cv_t<std::remove_pointer_t<decltype(p.x)>>;
  constexpr int kWidest = 16 / sizeof(Io);
  if (!fits<Io, kWidest>(p) || !outputs_fit<Io, kWidest>(p)) return launch<Io, 1, 0, kKind>(p, stream);
  switch (ceil_div(p.channels, 32 * kWidest)) {
    case 1:
      return launch<Io, kWidest, 1, kKind>(p, stream);
    case 2:
      return launch<Io, kWidest, 2, kKind>(p, stream);
    case 3:
      return launch<Io, kWidest, 3, kKind>(p, stream);
    case 4:
      return launch<Io, kWidest, 4, kKind>(p, stream);
    default:
      return launch<Io, kWidest, 0, kKind>(p, stream);
  }
}

template <class Params>
void launch_any(const Params& p, cudaStream_t stream) {
  p.kind == NormKind::kRms ? launch_kind<NormKind::kRms>(p, stream) : launch_kind<NormKind::kLayer>(p, stream);
}

}  // namespace

std::int64_t norm_partials_cuda(std::int64_t rows, std::int64_t channels) {
  return std::min(rows, kMostBlocks) * kKinds<NormKind::kLayer> * channels;
}

template <class Io>
void norm_forward_cuda(const NormForward<Io>& p, cudaStream_t stream) {
  launch_any(p, stream);
}

template <class Io>
void norm_backward_cuda(const NormBackward<Io>& p, cudaStream_t stream) {
  launch_any(p, stream);
}

template void norm_forward_cuda(const NormForward<float>&, cudaStream_t);
template void norm_forward_cuda(const NormForward<Bf16>&, cudaStream_t);
template void norm_backward_cuda(const NormBackward<float>&, cudaStream_t);
template void norm_backward_cuda(const NormBackward<Bf16>&, cudaStream_t);

}  // namespace trecvit::kernels
