#include "formats/safetensors.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "formats/checks.h"
#include "formats/safetensors_header.h"

namespace trecvit {
namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kHeaderLimit = 100'000'000;  // the official reader's

std::uint64_t read_length(const std::byte* bytes) {
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) length |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
  return length;
}

// Every byte behind the header belongs to exactly one array.
void check_ranges(const SafetensorsHeader& header, std::uint64_t data_size, const std::string& origin) {
  using Named = std::pair<const std::string, SafetensorsHeader::Entry>;
  std::vector<const Named*> order;
  for (const Named& entry : header.entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](const Named* a, const Named* b) {
    return std::pair(a->second.begin, a->second.end) < std::pair(b->second.begin, b->second.end);
  });
  std::uint64_t expected = 0;
  for (const Named* named : order) {
    const auto& [name, entry] = *named;
    const std::string where = text(origin, ": the array '", printable(name), "'");
    if (entry.end < entry.begin || entry.end > data_size)
      throw Error(where, " claims bytes ", entry.begin, " to ", entry.end, " of ", data_size,
                  "; the file was cut off or damaged");
    const std::size_t wanted = checked_bytes(entry.dtype, entry.shape, where);
    if (entry.end - entry.begin != wanted)
      throw Error(where, " of shape ", shape_text(entry.shape), " (", dtype_name(entry.dtype), ") needs ", wanted,
                  " bytes, but claims ", entry.end - entry.begin);
    if (entry.begin != expected)
      throw Error(where, entry.begin < expected ? " overlaps the one before it" : " leaves a hole before it",
                  ": it begins at byte ", entry.begin, " instead of ", expected);
    expected = entry.end;
  }
  if (expected != data_size)
    throw Error(origin, ": ", data_size - expected, " bytes at the end belong to no array; the file is damaged");
}

std::string json_text(const std::string& raw, const std::filesystem::path& path) {
  try {
    return nlohmann::json(raw).dump();
  } catch (const nlohmann::json::exception&) {
    throw Error("cannot write ", path.string(), ": '", printable(raw), "' is not UTF-8");
  }
}

}  // namespace

Safetensors read_safetensors(const std::filesystem::path& path) {
  const std::string origin = path.string();
  const MappedFile file = map_file(path);
  if (file.size < kLengthBytes) throw Error(origin, " is too short for a .safetensors file");
  const std::uint64_t length = read_length(file.data.get());
  if (length > kHeaderLimit)
    throw Error(origin, ": a header of ", length, " bytes is over the limit of 100 MB; is this a .safetensors file?");
  if (length > file.size - kLengthBytes) throw Error(origin, ": the header is cut off; fetch the file again");
  const std::string_view json(reinterpret_cast<const char*>(file.data.get()) + kLengthBytes, length);
  SafetensorsHeader header = parse_safetensors_header(json, origin);
  for (const auto& [name, entry] : header.entries) check_array_name(name, origin);
  check_ranges(header, file.size - kLengthBytes - length, origin);

  Safetensors result{.metadata = std::move(header.metadata), .arrays = {}};
  const std::byte* data = file.data.get() + kLengthBytes + length;
  for (const auto& [name, entry] : header.entries)
    result.arrays[name] = alias_or_copy(entry.dtype, entry.shape, data + entry.begin, file.data, origin);
  return result;
}

void write_safetensors(const std::filesystem::path& path, const NamedArrays& arrays,
                       const std::map<std::string, std::string>& metadata) {
  using Named = NamedArrays::value_type;
  std::vector<const Named*> order;
  for (const Named& array : arrays) order.push_back(&array);
  std::stable_sort(order.begin(), order.end(), [](const Named* a, const Named* b) {
    return dtype_size(a->second.dtype) > dtype_size(b->second.dtype);
  });

  std::string header = "{";
  if (!metadata.empty()) {
    header += "\"__metadata__\":{";
    for (const auto& [key, value] : metadata)
      header += (header.back() == '{' ? "" : ",") + json_text(key, path) + ":" + json_text(value, path);
    header += "}";
  }
  std::size_t at = 0;
  for (const Named* named : order) {
    const auto& [name, array] = *named;
    check_array_name(name, path.string());
    if (name == "__metadata__") throw Error("cannot write ", path.string(), ": __metadata__ is no name for an array");
    std::string shape;
    for (const std::int64_t size : array.shape) shape += (shape.empty() ? "" : ",") + std::to_string(size);
    header +=
        text(header.back() == '{' ? "" : ",", json_text(name, path), ":{\"dtype\":\"", safetensors_dtype(array.dtype),
             "\",\"shape\":[", shape, "],\"data_offsets\":[", at, ",", at + array.bytes(), "]}");
    at += array.bytes();
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  if (header.size() > kHeaderLimit)
    throw Error("cannot write ", path.string(), ": a header of ", header.size(), " bytes is over the format's 100 MB");

  char length[kLengthBytes];
  for (std::size_t i = 0; i < kLengthBytes; ++i) length[i] = static_cast<char>(header.size() >> (8 * i));
  AtomicFile file(path);
  file.write(length, kLengthBytes);
  file.write(header.data(), header.size());
  for (const Named* named : order) file.write(named->second.data.get(), named->second.bytes());
  file.commit();
}

}  // namespace trecvit
