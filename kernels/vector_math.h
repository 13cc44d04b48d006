// fp32 functions without branches or calls, so that loops over them vectorise. Errors are below 3 ulp in the ranges
// named. A NaN gives a NaN.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace trecvit::kernels {

// exp(v) = 2^n (1 + p) with |ln(1+p)| <= ln(2)/2; the two parts give exp and expm1 without loss of digits.
struct ExpParts {
  float scale;  // 2^n
  float p;      // e^r - 1
};

[[gnu::always_inline]] inline ExpParts exp_parts(float v) {
  // Outside, 2^n would leave the normal numbers. Written so that a NaN passes.
  v = v < -87.0f ? -87.0f : v;
  v = v > 88.0f ? 88.0f : v;
  constexpr float kRounder = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
  const float shifted = v * 1.44269504088896341f + kRounder;
  const float n = shifted - kRounder;
  // ln(2) in two parts, the first short enough that n times it is exact.
  const float r = (v - n * 0.693359375f) + n * 2.12194440054690583e-4f;
  float q = 1.0f / 5040;  // Taylor; the term left out is below 2e-8 of p
  q = q * r + 1.0f / 720;
  q = q * r + 1.0f / 120;
  q = q * r + 1.0f / 24;
  q = q * r + 1.0f / 6;
  q = q * r + 0.5f;
  const std::uint32_t exponent = (std::bit_cast<std::uint32_t>(shifted) << 23) + 0x3f800000u;
  return {std::bit_cast<float>(exponent), q * r * r + r};
}

[[gnu::always_inline]] inline float fast_exp(float v) {
  const ExpParts e = exp_parts(v);
  return e.scale * e.p + e.scale;
}

[[gnu::always_inline]] inline float fast_sigmoid(float v) { return 1.0f / (1.0f + fast_exp(-v)); }

// log(1 + e) for e in [0, 1], by 2 atanh(e / (2 + e)).
[[gnu::always_inline]] inline float fast_log1p(float e) {
  const float s = e / (2.0f + e), s2 = s * s;
  float q = 1.0f / 15;
  q = q * s2 + 1.0f / 13;
  q = q * s2 + 1.0f / 11;
  q = q * s2 + 1.0f / 9;
  q = q * s2 + 1.0f / 7;
  q = q * s2 + 1.0f / 5;
  q = q * s2 + 1.0f / 3;
  return 2.0f * s + 2.0f * s * (s2 * q);
}

// log(1 + exp(v)).
[[gnu::always_inline]] inline float fast_softplus(float v) {
  const float positive = v > 0.0f ? v : 0.0f, magnitude = v > 0.0f ? v : -v;
  return positive + fast_log1p(fast_exp(-magnitude));
}

// The tanh form of GELU is y sigmoid(2 k (y + c y^3)); value and slope share the sigmoid.
struct Gelu {
  float value, slope;
};
[[gnu::always_inline]] inline Gelu fast_gelu(float y) {
  constexpr float kTwice = 2.0f * 0.7978845608028654f, kCubic = 0.044715f;
  const float y2 = y * y;
  const float s = fast_sigmoid(kTwice * (y + kCubic * y * y2));
  return {y * s, s + y * s * (1.0f - s) * kTwice * (1.0f + 3.0f * kCubic * y2)};
}

}  // namespace trecvit::kernels
