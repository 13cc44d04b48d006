// Element types of the kernels and the type they calculate in.
#pragma once

#include <bit>
#include <cstdint>

namespace trecvit::kernels {

// bfloat16 as memory holds it: the upper half of an fp32.
struct Bf16 {
  std::uint16_t bits;
};

// The type in which sums, recurrences and parameters live: fp32 for fp32 and bf16 tensors; a wider type is its own.
template <class Io>
struct WideOf {
  using type = Io;
};
template <>
struct WideOf<Bf16> {
  using type = float;
};
template <class Io>
using Wide = typename WideOf<Io>::type;

constexpr float widen(const float& value) { return value; }
constexpr float widen(const Bf16& value) { return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16); }

// Round to nearest, ties to even; a NaN stays one.
constexpr void narrow(float value, float& to) { to = value; }
constexpr void narrow(float value, Bf16& to) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const std::uint32_t quiet = (bits >> 16) | 0x40u;
  to.bits = static_cast<std::uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}

}  // namespace trecvit::kernels
