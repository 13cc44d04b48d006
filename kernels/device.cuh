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
// Within 2^-11 of the value, down to the smallest.
__device__ __forceinline__ float tanh_fast(float v) {
  float result;
  asm("tanh.approx.f32 %0, %1;" : "=f"(result) : "f"(v));
  return result;
}

inline constexpr float kLog2E = 1.44269504088896341f;

// To 3 ulp. A NaN gives a NaN.
__device__ __forceinline__ float sigmoid(float v) { return reciprocal(1.0f + exp2_fast(v * -kLog2E)); }

// For tensors of type Io: as above, but for bf16 within 2^-12, an eighth of its rounding near 1.
template <class Io>
__device__ __forceinline__ float sigmoid_for(float v) {
  if constexpr (sizeof(Io) == 2) return 0.5f + 0.5f * tanh_fast(0.5f * v);
  return sigmoid(v);
}

// The tanh form of GELU is y sigmoid(2 k (y + c y^3)); value and slope share the sigmoid.
struct Gelu {
  float value, slope;
};
template <class Io>
__device__ __forceinline__ Gelu gelu(float y) {
  constexpr float kTwiceK = 2.0f * 0.7978845608028654f, kCubic = 0.044715f;
  const float s = sigmoid_for<Io>(kTwiceK * y * (1.0f + kCubic * y * y));
  return {y * s, s + y * s * (1.0f - s) * kTwiceK * (1.0f + 3.0f * kCubic * y * y)};
}

__device__ __forceinline__ float softplus(float v) { return fmaxf(v, 0.0f) + log1pf(expf(-fabsf(v))); }

}  // namespace trecvit::kernels
