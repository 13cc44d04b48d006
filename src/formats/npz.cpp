#include "formats/npz.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>

#include "core/error.h"
#include "core/file.h"
#include "formats/checks.h"
#include "formats/npy.h"
#include "formats/zip_reader.h"
#include "formats/zip_writer.h"

namespace trecvit {
namespace {

std::string array_name(const std::string& member) {
  constexpr std::string_view kSuffix = ".npy";
  return member.ends_with(kSuffix) ? member.substr(0, member.size() - kSuffix.size()) : member;
}

// The header is decompressed and believed only if it fits the declared size; the memory that a deflated member takes is
// then bounded by ZipReader's limit on that size.
Array inflate_member(const ZipReader& zip, std::size_t index) {
  const std::string origin = zip.origin(index);
  const std::uint64_t size = zip.members()[index].size;
  ZipReader::Stream stream(zip, index);
  std::vector<std::byte> front(std::min<std::uint64_t>(size, kNpyHeaderLimit));
  front.resize(stream.read(front.data(), front.size()));
  const NpyHeader header = parse_npy_header(front, origin);
  if (header.data_bytes != size - header.data_offset)
    throw Error(origin, ": the shape ", shape_text(header.shape), " (", dtype_name(header.dtype), ") needs ",
                header.data_bytes, " bytes of values, but ", size - header.data_offset, " are declared");
  std::byte* values = nullptr;
  const Array raw = allocate_or_refuse(header.dtype, header.shape, origin, &values);
  const std::size_t already = front.size() - header.data_offset;
  std::copy_n(front.begin() + static_cast<std::ptrdiff_t>(header.data_offset), already, values);
  stream.read(values + already, header.data_bytes - already);
  stream.finish();
  return npy_values(header, {values, header.data_bytes}, origin, raw.data);
}

// Stored members on up to four threads: reading them is one pass of CRC-32 and, where unaligned, a copy.
void read_stored(const ZipReader& zip, std::vector<Array>& arrays) {
  constexpr std::uint64_t kWorthAThread = 8 << 20;  // bytes
  const auto& members = zip.members();
  std::uint64_t total = 0;
  for (const auto& member : members) total += member.stored_size;
  std::vector<std::exception_ptr> failures(members.size());
  std::atomic<std::size_t> next{0};
  auto work = [&] {
    for (std::size_t i = next++; i < members.size(); i = next++) {
      if (members[i].deflated) continue;
      try {
        arrays[i] = parse_npy(zip.stored(i), zip.origin(i), zip.file().data);
      } catch (...) {
        failures[i] = std::current_exception();
      }
    }
  };
  {
    const std::uint64_t wanted =
        std::min<std::uint64_t>({4, std::max(1u, std::thread::hardware_concurrency()), 1 + total / kWorthAThread});
    std::vector<std::jthread> helpers;
    for (std::uint64_t i = 1; i < wanted; ++i) helpers.emplace_back(work);
    work();
  }
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);  // the first in directory order, whichever thread met it
  }
}

}  // namespace

NamedArrays read_npz(const std::filesystem::path& path) {
  const ZipReader zip(path);
  NamedArrays result;
  for (const auto& member : zip.members()) {
    const std::string name = array_name(member.name);
    check_array_name(name, path.string());
    if (!result.try_emplace(name).second)
      throw Error(path.string(), ": two members are called '", printable(name), "'; names must be unique");
  }
  std::vector<Array> arrays(zip.members().size());
  read_stored(zip, arrays);
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    if (zip.members()[i].deflated) arrays[i] = inflate_member(zip, i);
    result[array_name(zip.members()[i].name)] = std::move(arrays[i]);
  }
  return result;
}

void write_npz(const std::filesystem::path& path, const NamedArrays& arrays) {
  for (const auto& [name, array] : arrays) check_array_name(name, path.string());
  if (arrays.empty()) {  // libzip deletes an archive without members instead of writing it
    write_file(path, std::string("PK\5\6") + std::string(18, '\0'));
    return;
  }
  ZipWriter zip(path);
  for (const auto& [name, array] : arrays) {
    const std::string header = npy_header(array);
    zip.add(name + ".npy", header, {array.data.get(), array.bytes()});
  }
  zip.commit();
}

}  // namespace trecvit
