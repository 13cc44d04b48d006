// Arrays of every dtype with telling bits (NaNs with payload, negative zero, subnormals), and bitwise comparison.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "core/array.h"
#include "core/rng.h"
#include "formats/checks.h"

namespace trecvit {

inline constexpr Dtype kEveryDtype[] = {Dtype::kBool, Dtype::kU8,  Dtype::kI8,  Dtype::kI16, Dtype::kU16,
                                        Dtype::kI32,  Dtype::kU32, Dtype::kI64, Dtype::kU64, Dtype::kF16,
                                        Dtype::kBF16, Dtype::kF32, Dtype::kF64};

// Random bits, hence every kind of floating-point value; booleans are 0 or 1.
inline Array random_array(Dtype dtype, const std::vector<std::int64_t>& shape, std::uint64_t seed) {
  std::byte* bytes = nullptr;
  Array array = allocate_array(dtype, shape, &bytes);
  Rng rng(seed);
  for (std::size_t i = 0; i < array.bytes(); ++i)
    bytes[i] = static_cast<std::byte>(dtype == Dtype::kBool ? rng.bits() & 1 : rng.bits() & 0xff);
  return array;
}

// Every dtype in 3-D, and f32 as a scalar, a vector, an empty array, and one with an odd number of bytes before others.
inline NamedArrays sample_arrays() {
  NamedArrays arrays;
  std::uint64_t seed = 1;
  for (const Dtype dtype : kEveryDtype)
    arrays[std::string("every/") + dtype_name(dtype)] = random_array(dtype, {2, 3, 5}, seed++);
  arrays["scalar"] = random_array(Dtype::kF32, {}, seed++);
  arrays["vector"] = random_array(Dtype::kF32, {7}, seed++);
  arrays["empty"] = random_array(Dtype::kF32, {0, 4}, seed++);
  arrays["a/odd"] = random_array(Dtype::kU8, {3}, seed++);
  return arrays;
}

inline void expect_same(const Array& got, const Array& wanted, const std::string& what) {
  EXPECT_EQ(dtype_name(got.dtype), std::string(dtype_name(wanted.dtype))) << what;
  ASSERT_EQ(got.shape, wanted.shape) << what;
  ASSERT_EQ(got.bytes(), wanted.bytes()) << what;
  if (got.bytes() > 0) {
    EXPECT_EQ(std::memcmp(got.data.get(), wanted.data.get(), got.bytes()), 0) << what;
  }
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(got.data.get()) % dtype_size(got.dtype), 0u) << what << " is not aligned";
}

inline void expect_same(const NamedArrays& got, const NamedArrays& wanted) {
  EXPECT_EQ(got.size(), wanted.size());
  for (const auto& [name, array] : wanted) {
    ASSERT_TRUE(got.contains(name)) << name;
    expect_same(got.at(name), array, name);
  }
}

}  // namespace trecvit
