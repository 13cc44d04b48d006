// The first byte chooses what the rest is: an .npz archive, one .npy array, or one .npy array that reaches the archive
// reader with a right CRC, stored or deflated (mutations of a whole archive rarely get past the CRC).
#include <algorithm>

#include "core/error.h"
#include "driver.h"
#include "formats/checks.h"
#include "formats/npy.h"
#include "formats/npz.h"
#include "formats/sample_arrays.h"
#include "formats/zip_builder.h"
#include "memory_file.h"

using namespace trecvit;

namespace {

constexpr std::size_t kMostGrowth = 1100;  // of a deflated member

std::string npy_bytes(const Array& array) {
  return npy_header(array) + std::string(reinterpret_cast<const char*>(array.data.get()), array.bytes());
}

// The promises of every successful read.
void check_arrays(const NamedArrays& arrays, std::size_t file_size) {
  std::size_t total = 0;
  for (const auto& [name, array] : arrays) {
    check_array_name(name, "result");
    ensure(array.bytes() == checked_bytes(array.dtype, array.shape, "result"), "bytes() disagrees with the shape");
    ensure(reinterpret_cast<std::uintptr_t>(array.data.get()) % dtype_size(array.dtype) == 0, "not aligned");
    touch(array.data.get(), array.bytes());
    total += array.bytes();
  }
  ensure(total <= kMostGrowth * (file_size + 1), "arrays of ", total, " bytes from a file of ", file_size);
}

void read_archive(const std::string& bytes) {
  static MemoryFile file;
  file.set(bytes.data(), bytes.size());
  check_arrays(read_npz(file.path()), bytes.size());
}

void read_array(const std::string& bytes) {
  const std::span<const std::byte> view(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size());
  const Array array = parse_npy(view, "input");
  check_arrays({{"array", array}}, bytes.size());
  // Arrays that were read must survive being written.
  const std::string again = npy_bytes(array);
  const Array copy = parse_npy({reinterpret_cast<const std::byte*>(again.data()), again.size()}, "copy");
  ensure(copy.dtype == array.dtype && copy.shape == array.shape &&
             std::equal(copy.data.get(), copy.data.get() + copy.bytes(), array.data.get()),
         "an array changed when it was written and read again");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    switch (data[0] % 4) {
      case 0:
        read_archive(rest);
        break;
      case 1:
        read_array(rest);
        break;
      default:
        read_archive(build_zip({{.name = "m.npy", .plain = rest, .deflate = data[0] % 4 == 3}}));
    }
  } catch (const Error&) {
  }
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  std::vector<std::string> seeds;
  std::vector<ZipMember> members;
  for (const auto& [name, array] : sample_arrays()) {
    seeds.push_back(std::string{static_cast<char>(1 + members.size() % 3)} + npy_bytes(array));
    members.push_back({.name = name + ".npy", .plain = npy_bytes(array), .deflate = members.size() % 2 == 0});
  }
  const std::string fortran = "{'descr': '>f4', 'fortran_order': True, 'shape': (2, 3), }\n";
  seeds.push_back("\1\x93NUMPY\2" + std::string(1, '\0') + little_endian(fortran.size(), 4) + fortran +
                  std::string(24, 'x'));
  seeds.push_back(std::string(1, '\0') + build_zip({members[0]}));
  seeds.push_back(std::string(1, '\0') + build_zip({members[1], members[2]}));
  seeds.push_back(std::string(1, '\0') + build_zip(members));
  seeds.push_back(std::string(1, '\0') + build_zip({}));
  return seeds;
}
