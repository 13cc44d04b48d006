// One array as NumPy's .npy file holds it: magic, version, a Python dict as text, raw values.
// Format: numpy/lib/format.py, "NEP 1 - A simple file format for NumPy arrays" (versions 1.0, 2.0, 3.0).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/array.h"

namespace trecvit {

// The header of a .npy file. Supported dtypes: bool, signed and unsigned integers, f16, f32, f64, and bf16 as two
// opaque bytes ("|V2" or "<V2": what NumPy writes for ml_dtypes.bfloat16).
struct NpyHeader {
  Dtype dtype = Dtype::kF32;
  std::vector<std::int64_t> shape;
  bool fortran_order = false;   // first index fastest
  bool big_endian = false;      // values need their bytes reversed
  std::size_t data_offset = 0;  // where the values start
  std::size_t data_bytes = 0;   // how many bytes they take, checked against overflow
};

// Most bytes a header may take; enough bytes for parse_npy_header() to see a whole one.
inline constexpr std::size_t kNpyHeaderLimit = 66'000;

// Reads the header at the front of `bytes` (which may be cut anywhere behind it). The dict is read strictly: exactly
// the keys descr, fortran_order and shape, each once, plain literals. Error, starting with `origin`: anything else.
NpyHeader parse_npy_header(std::span<const std::byte> bytes, const std::string& origin);

// A whole .npy file in memory, as a C-ordered little-endian array. With an `owner` of the bytes the array aliases them
// where order and alignment allow; without, or else, it owns a copy. Error, starting with `origin`: also too few or too
// many bytes.
Array parse_npy(std::span<const std::byte> bytes, const std::string& origin,
                const std::shared_ptr<const std::byte>& owner = nullptr);

// The values behind a header, `data` holding exactly header.data_bytes bytes; otherwise as parse_npy().
Array npy_values(const NpyHeader& header, std::span<const std::byte> data, const std::string& origin,
                 const std::shared_ptr<const std::byte>& owner = nullptr);

// Magic, version 1.0 and dict, padded to a multiple of 64 bytes. bf16 is written as "|V2".
std::string npy_header(const Array& array);

// One array per file. Error: unreadable, not a supported .npy.
Array read_npy(const std::filesystem::path& path);
void write_npy(const std::filesystem::path& path, const Array& array);

}  // namespace trecvit
