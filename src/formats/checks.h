// Conditions that every file of named arrays must satisfy before a byte of it is used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/array.h"

namespace trecvit {

// An array's name is a path-like key ("encoder/encoder_norm/scale"). Error, starting with `origin`: empty, longer than
// 4096 bytes, with a control character, absolute, with a backslash, or with a "." or ".." part; such names could lead a
// program that turns them into file names out of its folder.
void check_array_name(const std::string& name, const std::string& origin);

// Bytes of an array of this shape. Error, starting with `origin`: a negative size, more than 64 dimensions, or a
// product that does not fit 62 bits. Sizes of 0 are legal, but the others must still multiply without overflow.
std::size_t checked_bytes(Dtype dtype, const std::vector<std::int64_t>& shape, const std::string& origin);

// allocate_array() with running out of memory as an Error that starts with `origin`.
Array allocate_or_refuse(Dtype dtype, const std::vector<std::int64_t>& shape, const std::string& origin,
                         std::byte** writable);

// The array at `bytes`: aliases `owner` when the address suits the dtype, else copies, because Array::as<T>() promises
// aligned values and the compiler's vector loops depend on it.
Array alias_or_copy(Dtype dtype, const std::vector<std::int64_t>& shape, const std::byte* bytes,
                    const std::shared_ptr<const std::byte>& owner, const std::string& origin);

// A name or a piece of a file as it may be printed: control characters and bytes above 126 replaced, at most 80 of
// them.
std::string printable(const std::string& raw);

}  // namespace trecvit
