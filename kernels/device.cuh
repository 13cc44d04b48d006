// Device-side building blocks: wide loads and stores, and fast functions that are exact where the recurrence needs it.
#pragma once

#include <cuda_bf16.h>

#include "kernels/element.h"

namespace trecvit::kernels {

// V adjacent elements, moved by one instruction of sizeof(Io) * V <= 16 bytes.
template <class Io, int V>
struct alignas(sizeof(Io) * V) Pack {
  Io v[V];
};

template <int V, class Io>
__device__ __forceinline__ Pack<Io, V> load_pack(const Io* from) {
  return *reinterpret_cast<const Pack<Io, V>*>(from);
}

template <class Io, int V>
__device__ __forceinline__ void store_pack(Io* to, const Pack<Io, V>& pack) {
  *reinterpret_cast<Pack<Io, V>*>(to) = pack;
}

__device__ __forceinline__ void put(float value, float& to) { to = value; }
__device__ __forceinline__ void put(float value, Bf16& to) {
  to.bits = __bfloat16_as_ushort(__float2bfloat16_rn(value));
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
__device__ __forceinline__ float min_keep_nan(float a, float b) {
  float result;
  asm("min.NaN.f32 %0, %1, %2;" : "=f"(result) : "f"(a), "f"(b));
  return result;
}

inline constexpr float kLog2E = 1.44269504088896341f;

// 1 + exp(-v), held below 2^41 so that a product of three is finite; sigmoid(v) is its reciprocal.
__device__ __forceinline__ float sigmoid_divisor(float v) { return 1.0f + exp2_fast(min_keep_nan(v * -kLog2E, 41.0f)); }

// The tanh form of GELU is y sigmoid(2 k (y + c y^3)).
inline constexpr float kGeluTwiceK = 2.0f * 0.7978845608028654f, kGeluCubic = 0.044715f;
__device__ __forceinline__ float gelu_argument(float y) { return kGeluTwiceK * y * (1.0f + kGeluCubic * y * y); }
__device__ __forceinline__ float gelu_slope(float y, float s) {
  return s + y * s * (1.0f - s) * kGeluTwiceK * (1.0f + 3.0f * kGeluCubic * y * y);
}

__device__ __forceinline__ float softplus(float v) { return fmaxf(v, 0.0f) + log1pf(expf(-fabsf(v))); }

}  // namespace trecvit::kernels
