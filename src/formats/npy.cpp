#include "formats/npy.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/file.h"
#include "formats/checks.h"

namespace trecvit {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

struct DtypeCode {
  const char* code;  // NumPy's letter and size
  Dtype dtype;
};
constexpr DtypeCode kCodes[] = {{"b1", Dtype::kBool}, {"u1", Dtype::kU8},  {"i1", Dtype::kI8},  {"u2", Dtype::kU16},
                                {"i2", Dtype::kI16},  {"u4", Dtype::kU32}, {"i4", Dtype::kI32}, {"u8", Dtype::kU64},
                                {"i8", Dtype::kI64},  {"f2", Dtype::kF16}, {"f4", Dtype::kF32}, {"f8", Dtype::kF64},
                                {"V2", Dtype::kBF16}};

// The subset of Python literals that numpy.save writes: 'text', True, False, and tuples of non-negative integers.
class DictReader {
 public:
  DictReader(std::string_view dict, const std::string& origin) : rest_(dict), origin_(origin) {}

  void read(NpyHeader& header) {
    bool has_descr = false, has_order = false, has_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr") {
        once(has_descr, key);
        descr(header);
      } else if (key == "fortran_order") {
        once(has_order, key);
        header.fortran_order = boolean();
      } else if (key == "shape") {
        once(has_shape, key);
        header.shape = tuple();
      } else {
        throw Error(origin_, ": the .npy header has the unknown key '", printable(key), "'");
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    if (!has_descr || !has_order || !has_shape)
      throw Error(origin_, ": the .npy header lacks one of descr, fortran_order and shape");
    skip_spaces();
    if (rest_ != "\n" && !rest_.empty()) throw Error(origin_, ": the .npy header has text behind its dict");
  }

 private:
  void skip_spaces() {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
  }
  bool accept(char c) {
    skip_spaces();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c))
      throw Error(origin_, ": the .npy header is broken: '", c, "' expected before '",
                  printable(std::string(rest_.substr(0, 20))), "'");
  }
  void once(bool& seen, const std::string& key) const {
    if (seen) throw Error(origin_, ": the .npy header has the key '", key, "' twice");
    seen = true;
  }
  std::string string() {
    skip_spaces();
    const char quote = rest_.empty() ? '\0' : rest_.front();
    const std::size_t end = quote == '\'' || quote == '"' ? rest_.find(quote, 1) : std::string_view::npos;
    if (end == std::string_view::npos)
      throw Error(origin_, ": the .npy header is broken: a quoted word expected before '",
                  printable(std::string(rest_.substr(0, 20))), "'");
    const std::string word(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return word;
  }
  bool boolean() {
    skip_spaces();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (rest_.starts_with(word)) {
        rest_.remove_prefix(word.size());
        return value;
      }
    }
    throw Error(origin_, ": fortran_order in the .npy header is neither True nor False");
  }
  std::int64_t integer() {
    skip_spaces();
    if (!rest_.empty() && rest_.front() == '-') throw Error(origin_, ": the shape has a negative size");
    std::int64_t value = 0;
    std::size_t digits = 0;
    for (; digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9'; ++digits) {
      if (__builtin_mul_overflow(value, std::int64_t{10}, &value) ||
          __builtin_add_overflow(value, std::int64_t{rest_[digits] - '0'}, &value))
        throw Error(origin_, ": the shape has a size beyond 63 bits");
    }
    if (digits == 0) throw Error(origin_, ": the shape in the .npy header is not a tuple of integers");
    rest_.remove_prefix(digits);
    return value;
  }
  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> sizes;
    expect('(');
    while (!accept(')')) {
      sizes.push_back(integer());
      if (accept(',')) continue;
      if (sizes.size() == 1)
        throw Error(origin_, ": the shape in the .npy header is not a tuple");  // "(3)" is a number
      expect(')');
      break;
    }
    return sizes;
  }
  void descr(NpyHeader& header) {
    skip_spaces();
    if (!rest_.empty() && rest_.front() == '[')
      throw Error(origin_, ": structured arrays are not supported; save each field as an array of its own");
    const std::string word = string();
    const bool order_known = !word.empty() && std::string_view("<>|=").find(word[0]) != std::string_view::npos;
    for (const DtypeCode& entry : kCodes) {
      if (!order_known || word.substr(1) != entry.code) continue;
      header.dtype = entry.dtype;
      header.big_endian = word[0] == '>' && dtype_size(entry.dtype) > 1;
      return;
    }
    throw Error(origin_, ": the dtype '", printable(word),
                "' is not supported; bool, integers, float16/32/64 and bfloat16 (as V2) are");
  }

  std::string_view rest_;
  const std::string& origin_;
};

// Copies values stored with the first index fastest into C order.
template <class T>
void to_c_order(const std::vector<std::int64_t>& shape, const std::byte* from, std::byte* to) {
  const std::size_t rank = shape.size();
  std::vector<std::int64_t> index(rank, 0), stride(rank, 1);
  std::int64_t count = 1;
  for (std::size_t d = 0; d < rank; ++d) {
    stride[d] = count;
    count *= shape[d];
  }
  std::int64_t source = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    std::memcpy(to + i * static_cast<std::int64_t>(sizeof(T)), from + source * static_cast<std::int64_t>(sizeof(T)),
                sizeof(T));
    for (std::size_t d = rank; d-- > 0;) {
      source += stride[d];
      if (++index[d] < shape[d]) break;
      source -= stride[d] * shape[d];
      index[d] = 0;
    }
  }
}

void to_c_order(const NpyHeader& header, const std::byte* from, std::byte* to) {
  switch (dtype_size(header.dtype)) {
    case 1:
      return to_c_order<std::uint8_t>(header.shape, from, to);
    case 2:
      return to_c_order<std::uint16_t>(header.shape, from, to);
    case 4:
      return to_c_order<std::uint32_t>(header.shape, from, to);
    default:
      return to_c_order<std::uint64_t>(header.shape, from, to);
  }
}

}  // namespace

NpyHeader parse_npy_header(std::span<const std::byte> bytes, const std::string& origin) {
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!all.starts_with(kMagic)) throw Error(origin, " is not an .npy array: it does not start with \\x93NUMPY");
  if (all.size() < 12) throw Error(origin, ": the .npy header is cut off");
  const int major = static_cast<unsigned char>(all[6]);
  const int minor = static_cast<unsigned char>(all[7]);
  if (major < 1 || major > 3 || minor != 0)
    throw Error(origin, ": .npy version ", major, ".", minor, " is not supported; 1.0, 2.0 and 3.0 are");
  std::uint32_t length = 0;
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  for (std::size_t i = 0; i < length_bytes; ++i)
    length |= static_cast<std::uint32_t>(static_cast<unsigned char>(all[8 + i])) << (8 * i);
  NpyHeader header;
  header.data_offset = 8 + length_bytes + length;
  if (header.data_offset > kNpyHeaderLimit)
    throw Error(origin, ": the .npy header claims ", length, " bytes; no plain array needs that many");
  if (header.data_offset > all.size()) throw Error(origin, ": the .npy header is cut off");
  DictReader(all.substr(8 + length_bytes, length), origin).read(header);
  header.data_bytes = checked_bytes(header.dtype, header.shape, origin);
  return header;
}

Array npy_values(const NpyHeader& header, std::span<const std::byte> data, const std::string& origin,
                 const std::shared_ptr<const std::byte>& owner) {
  const bool reorder = header.fortran_order && header.shape.size() > 1;
  if (!reorder && !header.big_endian) return alias_or_copy(header.dtype, header.shape, data.data(), owner, origin);
  std::byte* writable = nullptr;
  Array array = allocate_or_refuse(header.dtype, header.shape, origin, &writable);
  if (data.empty()) return array;
  if (reorder) {
    to_c_order(header, data.data(), writable);
  } else {
    std::memcpy(writable, data.data(), data.size());
  }
  if (header.big_endian) {
    const std::size_t size = dtype_size(header.dtype);
    for (std::size_t at = 0; at < data.size(); at += size) std::reverse(writable + at, writable + at + size);
  }
  return array;
}

Array parse_npy(std::span<const std::byte> bytes, const std::string& origin,
                const std::shared_ptr<const std::byte>& owner) {
  const NpyHeader header = parse_npy_header(bytes, origin);
  const std::size_t present = bytes.size() - header.data_offset;
  if (present != header.data_bytes)
    throw Error(origin, ": the shape ", shape_text(header.shape), " (", dtype_name(header.dtype), ") needs ",
                header.data_bytes, " bytes of values, but ", present, " are there");
  return npy_values(header, bytes.subspan(header.data_offset), origin, owner);
}

std::string npy_header(const Array& array) {
  const std::size_t size = dtype_size(array.dtype);
  std::string descr(1, size == 1 || array.dtype == Dtype::kBF16 ? '|' : '<');
  for (const DtypeCode& entry : kCodes) {
    if (entry.dtype == array.dtype) descr += entry.code;
  }
  std::string shape = "(";
  for (std::size_t d = 0; d < array.shape.size(); ++d) shape += (d ? ", " : "") + std::to_string(array.shape[d]);
  shape += array.shape.size() == 1 ? ",)" : ")";
  const std::string dict = text("{'descr': '", descr, "', 'fortran_order': False, 'shape': ", shape, ", }");

  constexpr std::size_t kAlign = 64;
  constexpr std::size_t kPrefix = 10;  // magic, version, 16-bit length
  const std::size_t total = (kPrefix + dict.size() + 1 + kAlign - 1) / kAlign * kAlign;
  ensure(total <= 0xffff, "npy_header: ", array.shape.size(), " dimensions do not fit version 1.0");
  const std::size_t length = total - kPrefix;
  std::string header(kMagic);
  header += {'\1', '\0', static_cast<char>(length & 0xff), static_cast<char>(length >> 8)};
  header += dict;
  header.resize(total - 1, ' ');
  return header + '\n';
}

Array read_npy(const std::filesystem::path& path) {
  const MappedFile file = map_file(path);
  return parse_npy({file.data.get(), file.size}, path.string(), file.data);
}

void write_npy(const std::filesystem::path& path, const Array& array) {
  const std::string header = npy_header(array);
  AtomicFile file(path);
  file.write(header.data(), header.size());
  file.write(array.data.get(), array.bytes());
  file.commit();
}

}  // namespace trecvit
