#include "core/array.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/error.h"

namespace trecvit {

std::size_t dtype_size(Dtype dtype) {
  switch (dtype) {
    case Dtype::kBool:
    case Dtype::kU8:
    case Dtype::kI8: return 1;
    case Dtype::kI16:
    case Dtype::kU16:
    case Dtype::kF16:
    case Dtype::kBF16: return 2;
    case Dtype::kI32:
    case Dtype::kU32:
    case Dtype::kF32: return 4;
    case Dtype::kI64:
    case Dtype::kU64:
    case Dtype::kF64: return 8;
  }
  throw InternalError("unknown dtype ", static_cast<int>(dtype));
}

const char* dtype_name(Dtype dtype) {
  switch (dtype) {
    case Dtype::kBool: return "bool";
    case Dtype::kU8: return "u8";
    case Dtype::kI8: return "i8";
    case Dtype::kI16: return "i16";
    case Dtype::kU16: return "u16";
    case Dtype::kI32: return "i32";
    case Dtype::kU32: return "u32";
    case Dtype::kI64: return "i64";
    case Dtype::kU64: return "u64";
    case Dtype::kF16: return "f16";
    case Dtype::kBF16: return "bf16";
    case Dtype::kF32: return "f32";
    case Dtype::kF64: return "f64";
  }
  throw InternalError("unknown dtype ", static_cast<int>(dtype));
}

std::int64_t Array::count() const {
  std::int64_t n = 1;
  for (std::int64_t d : shape) n *= d;
  return n;
}

Array allocate_array(Dtype dtype, std::vector<std::int64_t> shape, std::byte** writable) {
  Array array{.dtype = dtype, .shape = std::move(shape), .data = nullptr};
  std::shared_ptr<std::byte[]> storage(new std::byte[array.bytes() + 1]);
  *writable = storage.get();
  array.data = std::shared_ptr<const std::byte>(storage, storage.get());
  return array;
}

Array make_array(const std::vector<float>& values, std::vector<std::int64_t> shape) {
  std::byte* bytes = nullptr;
  Array array = allocate_array(Dtype::kF32, std::move(shape), &bytes);
  ensure(array.count() == static_cast<std::int64_t>(values.size()), "make_array: ", values.size(), " values for shape ",
         shape_text(array.shape));
  std::memcpy(bytes, values.data(), array.bytes());
  return array;
}

namespace {

float from_half(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const int exponent = (bits >> 10) & 0x1f;
  const std::uint32_t mantissa = bits & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent == 0) {
    const float value = std::ldexp(static_cast<float>(mantissa), -24);
    return sign ? -value : value;
  }
  return std::bit_cast<float>(sign | (static_cast<std::uint32_t>(exponent + 112) << 23) | (mantissa << 13));
}

template <class T>
void widen(const Array& array, std::vector<float>& out) {
  const T* values = array.as<T>();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(values[i]);
}

}  // namespace

std::vector<float> to_f32(const Array& array) {
  std::vector<float> out(static_cast<std::size_t>(array.count()));
  switch (array.dtype) {
    case Dtype::kBool:
    case Dtype::kU8: widen<std::uint8_t>(array, out); break;
    case Dtype::kI8: widen<std::int8_t>(array, out); break;
    case Dtype::kI16: widen<std::int16_t>(array, out); break;
    case Dtype::kU16: widen<std::uint16_t>(array, out); break;
    case Dtype::kI32: widen<std::int32_t>(array, out); break;
    case Dtype::kU32: widen<std::uint32_t>(array, out); break;
    case Dtype::kI64: widen<std::int64_t>(array, out); break;
    case Dtype::kU64: widen<std::uint64_t>(array, out); break;
    case Dtype::kF32: widen<float>(array, out); break;
    case Dtype::kF64: widen<double>(array, out); break;
    case Dtype::kF16:
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = from_half(array.as<std::uint16_t>()[i]);
      break;
    case Dtype::kBF16:
      for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = std::bit_cast<float>(static_cast<std::uint32_t>(array.as<std::uint16_t>()[i]) << 16);
      break;
  }
  return out;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) out += (i ? ", " : "") + std::to_string(shape[i]);
  return out + "]";
}

}  // namespace trecvit
