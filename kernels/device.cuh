// Device-side building blocks: wide loads and stores, and fast functions that are exact where the recurrence needs it.
#pragma once

#include <cuda_bf16.h>

#include "kernels/element.h"

namespace trecvit::kernels {

// Note [Early starts]
// A kernel launched by launch_dependent() (launch.h) starts as soon as every block of the kernel before it on the
// stream has called pdl_launch_dependents() or ended; where it waits, until that kernel has ended and its writes are visible.
//   - It must wait before it reads what the kernel before it wrote, and before it writes at all, for that one may still
//     be reading there.
//   - Every block must wait, one without work too: a kernel that ends without having waited would let the next one
//     overtake the one before.
//   - Before it waits it may read parameters, and state that the frame before has left; nothing else, for of kernels
//     that let the next one start before they wait themselves, as norms do, more than two run at once.
//   - A kernel that changes parameters must not let the next one start early.
// Both do nothing in code for GPUs before 9.0; launch_dependent() launches that plainly.
__device__ __forceinline__ void pdl_wait() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
__device__ __forceinline__ void pdl_launch_dependents() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

// V adjacent elements, moved by one instruction of sizeof(Io) * V <= 16 bytes.
template <class Io, int V>
struct alignas(sizeof(Io) * V) Pack {
  Io v[V];
};

template <int V, class Io>
__device__ __forceinline__ Pack<Io, V> load_pack(const Io* from) {
  return *reinterpret_cast<const Pack<Io, V>*>(from);
}

// One store of 4, 8 or 16 bytes. In assembly, because the compiler takes a struct apart into words; clobbers no memory,
// because that would keep later loads behind it, and no kernel reads what it has stored. Like all stores below it
// reaches global memory alone.
template <int kWords>
__device__ __forceinline__ void store_words(void* to, const unsigned (&w)[kWords]) {
  if constexpr (kWords == 1) asm volatile("st.global.b32 [%0], %1;" ::"l"(to), "r"(w[0]));
  if constexpr (kWords == 2) asm volatile("st.global.v2.b32 [%0], {%1, %2};" ::"l"(to), "r"(w[0]), "r"(w[1]));
  if constexpr (kWords == 4) {
    asm volatile("st.global.v4.b32 [%0], {%1, %2, %3, %4};" ::"l"(to), "r"(w[0]), "r"(w[1]), "r"(w[2]), "r"(w[3]));
  }
}

template <class Io, int V>
__device__ __forceinline__ void store_pack(Io* to, const Pack<Io, V>& pack) {
  if constexpr (sizeof(pack) < 4) {
    *to = pack.v[0];
  } else {
    struct Words {
      unsigned w[sizeof(pack) / 4];
    };
    store_words(to, __builtin_bit_cast(Words, pack).w);
  }
}

// As fp32. Two bf16 share a 32-bit word, of which one is the upper half already.
template <int V>
__device__ __forceinline__ void widen_line(const Pack<float, V>& line, float (&to)[V]) {
#pragma unroll
  for (int k = 0; k < V; ++k) to[k] = line.v[k];
}
template <int V>
__device__ __forceinline__ void widen_line(const Pack<Bf16, V>& line, float (&to)[V]) {
  if constexpr (V == 1) {
    to[0] = widen(line.v[0]);
  } else {
    const auto words = __builtin_bit_cast(Pack<unsigned, V / 2>, line);
#pragma unroll
    for (int k = 0; k < V; k += 2) {
      to[k] = __uint_as_float(words.v[k / 2] << 16);
      to[k + 1] = __uint_as_float(words.v[k / 2] & 0xffff0000u);
    }
  }
}

__device__ __forceinline__ void put(float value, float& to) { to = value; }
__device__ __forceinline__ void put(float value, Bf16& to) {
  to.bits = __bfloat16_as_ushort(__float2bfloat16_rn(value));
}

// Two numbers rounded to bf16, the first in the lower half: one instruction from 8.0 on.
__device__ __forceinline__ unsigned pack(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const unsigned*>(&pair);
}

// Rounds V channels and stores them.
template <int V>
__device__ __forceinline__ void store_line(const float (&from)[V], float* to) {
  unsigned words[V];
#pragma unroll
  for (int k = 0; k < V; ++k) words[k] = __float_as_uint(from[k]);
  store_words(to, words);
}
template <int V>
__device__ __forceinline__ void store_line(const float (&from)[V], Bf16* to) {
  if constexpr (V == 1) {
    put(from[0], *to);
  } else {
    unsigned words[V / 2];
#pragma unroll
    for (int k = 0; k < V; k += 2) words[k / 2] = pack(from[k], from[k + 1]);
    store_words(to, words);
  }
}

// fp32 values of V channels in 16-byte pieces where alignment allows it.
template <int V>
__device__ __forceinline__ void load_wide(const float* from, float (&to)[V]) {
  constexpr int kPiece = V >= 4 ? 4 : V;
#pragma unroll
  for (int at = 0; at < V; at += kPiece) {
    const auto piece = load_pack<kPiece>(from + at);
#pragma unroll
    for (int k = 0; k < kPiece; ++k) to[at + k] = piece.v[k];
  }
}

template <int V>
__device__ __forceinline__ void store_wide(const float (&from)[V], float* to) {
  constexpr int kPiece = V >= 4 ? 4 : V;
#pragma unroll
  for (int at = 0; at < V; at += kPiece) {
    Pack<float, kPiece> piece;
#pragma unroll
    for (int k = 0; k < kPiece; ++k) piece.v[k] = from[at + k];
    store_pack(to + at, piece);
  }
}

// One instruction of the special function unit each, 1-2 ulp.
__device__ __forceinline__ float exp2_fast(float v) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(v));
  return result;
}
__device__ __forceinline__ float reciprocal(float v) {
  float result;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(v));
  return result;
}
__device__ __forceinline__ float sqrt_fast(float v) {
  float result;
  asm("sqrt.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(v));
  return result;
}
__device__ __forceinline__ float rsqrt_fast(float v) {
  float result;
  asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(v));
  return result;
}
// Within 2^-11 of the value, down to the smallest.
__device__ __forceinline__ float tanh_fast(float v) {
  float result;
  asm("tanh.approx.f32 %0, %1;" : "=f"(result) : "f"(v));
  return result;
}

inline constexpr float kLog2E = 1.44269504088896341f;

// sigmoid(v) = logistic2(-v log2(e)): the factor goes into a multiply-add that callers have anyway.
__device__ __forceinline__ float logistic2(float exponent) { return reciprocal(1.0f + exp2_fast(exponent)); }

// The tanh form of GELU is y sigmoid(2 k (y + c y^3)); value and slope share the sigmoid.
struct Gelu {
  float value, slope;
};
__device__ __forceinline__ Gelu gelu(float y) {
  constexpr float kTwiceK = 2.0f * 0.7978845608028654f, kCubic = 0.044715f;
  const float y2 = y * y, s = logistic2(y * fmaf(-kLog2E * kTwiceK * kCubic, y2, -kLog2E * kTwiceK)), value = y * s;
  return {value, fmaf(fmaf(-value, s, value), fmaf(3.0f * kTwiceK * kCubic, y2, kTwiceK), s)};
}

// The same by the hardware's tangent.
__device__ __forceinline__ float gelu_fast(float y) {
  constexpr float kInner = 0.7978845608028654f, kCubic = 0.044715f;
  const float half_y = 0.5f * y;
  return fmaf(half_y, tanh_fast(y * fmaf(kInner * kCubic, y * y, kInner)), half_y);
}

__device__ __forceinline__ float softplus(float v) { return fmaxf(v, 0.0f) + log1pf(expf(-fabsf(v))); }

}  // namespace trecvit::kernels
