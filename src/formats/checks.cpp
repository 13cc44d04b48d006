#include "formats/checks.h"

#include <cstring>
#include <new>
#include <string_view>

#include "core/error.h"

namespace trecvit {

std::string printable(const std::string& raw) {
  constexpr std::size_t kShown = 80;
  std::string shown = raw.substr(0, kShown);
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '?';
  }
  return raw.size() > kShown ? shown + "..." : shown;
}

void check_array_name(const std::string& name, const std::string& origin) {
  constexpr std::size_t kLongest = 4096;
  const std::string shown = text(origin, ": the array name '", printable(name), "' ");
  if (name.empty()) throw Error(origin, ": an array has an empty name; every array needs one");
  if (name.size() > kLongest) throw Error(shown, "is longer than ", kLongest, " bytes; names are short paths");
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) throw Error(shown, "holds a control character");
  }
  if (name.find('\\') != std::string::npos) throw Error(shown, "holds a backslash; parts are joined by '/'");
  if (name.front() == '/') throw Error(shown, "is an absolute path; names are relative");
  for (std::size_t start = 0; start <= name.size();) {
    const std::size_t end = std::min(name.find('/', start), name.size());
    const std::string_view part = std::string_view(name).substr(start, end - start);
    if (part == "." || part == "..") throw Error(shown, "has a '", part, "' part, as a path trick would");
    start = end + 1;
  }
}

std::size_t checked_bytes(Dtype dtype, const std::vector<std::int64_t>& shape, const std::string& origin) {
  constexpr std::size_t kMostDimensions = 64;
  constexpr std::int64_t kMostBytes = std::int64_t{1} << 62;
  if (shape.size() > kMostDimensions)
    throw Error(origin, ": ", shape.size(), " dimensions; at most ", kMostDimensions, " are supported");
  auto total = static_cast<std::int64_t>(dtype_size(dtype));
  bool empty = false;
  for (const std::int64_t size : shape) {
    if (size < 0) throw Error(origin, ": the shape ", shape_text(shape), " has a negative size");
    if (size == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(total, size, &total) || total > kMostBytes) {
      throw Error(origin, ": the shape ", shape_text(shape), " means more bytes than any file can hold");
    }
  }
  return empty ? 0 : static_cast<std::size_t>(total);
}

Array allocate_or_refuse(Dtype dtype, const std::vector<std::int64_t>& shape, const std::string& origin,
                         std::byte** writable) {
  try {
    return allocate_array(dtype, shape, writable);
  } catch (const std::bad_alloc&) {
    throw Error(origin, ": no memory for an array of shape ", shape_text(shape), " (", dtype_name(dtype), ")");
  }
}

Array alias_or_copy(Dtype dtype, const std::vector<std::int64_t>& shape, const std::byte* bytes,
                    const std::shared_ptr<const std::byte>& owner, const std::string& origin) {
  if (owner && reinterpret_cast<std::uintptr_t>(bytes) % dtype_size(dtype) == 0)
    return {.dtype = dtype, .shape = shape, .data = std::shared_ptr<const std::byte>(owner, bytes)};
  std::byte* writable = nullptr;
  Array array = allocate_or_refuse(dtype, shape, origin, &writable);
  if (array.bytes() > 0) std::memcpy(writable, bytes, array.bytes());
  return array;
}

}  // namespace trecvit
