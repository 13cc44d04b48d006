// A named block of numbers as files hold them: dtype, shape and C-ordered bytes. Knows no torch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace trecvit {

enum class Dtype { kBool, kU8, kI8, kI16, kU16, kI32, kU32, kI64, kU64, kF16, kBF16, kF32, kF64 };

// Bytes per element.
std::size_t dtype_size(Dtype dtype);

// "f32", "bf16", ...
const char* dtype_name(Dtype dtype);

// Immutable, C-contiguous, little-endian. `data` may alias a mapped file and keeps it alive.
struct Array {
  Dtype dtype = Dtype::kF32;
  std::vector<std::int64_t> shape;  // empty: a scalar
  std::shared_ptr<const std::byte> data;

  std::int64_t count() const;  // number of elements, 1 for a scalar
  std::size_t bytes() const { return static_cast<std::size_t>(count()) * dtype_size(dtype); }
  template <class T>
  const T* as() const {
    return reinterpret_cast<const T*>(data.get());
  }
};

// Ordered by name, so that files written from it are deterministic.
using NamedArrays = std::map<std::string, Array>;

// Owns a copy of `values`; the number of elements must fit the shape.
Array make_array(const std::vector<float>& values, std::vector<std::int64_t> shape);

// An uninitialised array; `*writable` receives its bytes.
Array allocate_array(Dtype dtype, std::vector<std::int64_t> shape, std::byte** writable);

// Any floating or integer array as fp32 values (fp64 and wide integers are rounded).
std::vector<float> to_f32(const Array& array);

// "[2, 3, 4]"
std::string shape_text(const std::vector<std::int64_t>& shape);

}  // namespace trecvit
