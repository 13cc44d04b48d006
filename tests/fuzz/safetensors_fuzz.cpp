// The first byte chooses what the rest is: a whole .safetensors file, or its JSON header alone.
#include <algorithm>

#include "core/error.h"
#include "driver.h"
#include "formats/checks.h"
#include "formats/safetensors.h"
#include "formats/safetensors_header.h"
#include "formats/zip_builder.h"
#include "memory_file.h"

using namespace trecvit;

namespace {

void read_whole(const std::string& bytes) {
  static MemoryFile file;
  file.set(bytes.data(), bytes.size());
  const Safetensors content = read_safetensors(file.path());
  std::size_t total = 0;
  for (const auto& [name, array] : content.arrays) {
    check_array_name(name, "result");
    ensure(reinterpret_cast<std::uintptr_t>(array.data.get()) % dtype_size(array.dtype) == 0, "not aligned");
    touch(array.data.get(), array.bytes());
    total += array.bytes();
  }
  std::uint64_t header = 0;
  for (int i = 0; i < 8; ++i) header |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  ensure(total == bytes.size() - 8 - header, "the arrays do not cover the file");
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& range) {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":[)" + shape + R"(],"data_offsets":[)" + range + "]}";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    if (data[0] % 2 == 0) {
      read_whole(rest);
    } else {
      // The JSON in front of as many values as its last range claims, so that changed numbers get past the first
      // checks.
      const SafetensorsHeader header = parse_safetensors_header(rest, "input");
      std::uint64_t end = 0;
      for (const auto& [name, array] : header.entries) end = std::max(end, array.end);
      if (end <= 4096) read_whole(little_endian(rest.size(), 8) + rest + std::string(end, 'v'));
    }
  } catch (const Error&) {
  }
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  const std::string metadata = R"("__metadata__":{"labels":"a\nb","\u00e9":""})";
  const std::string a = entry("a/b", "F32", "2,3", "0,24");
  const std::string b = entry("c", "U8", "5", "24,29");
  const std::string bf16 = entry("d", "BF16", "", "29,31");
  const std::string empty = entry("e", "I64", "0,4", "31,31");
  std::vector<std::string> seeds;
  for (const std::string& header : {std::string("{}"), "{" + metadata + "}", "{" + a + "}", "{" + b + "," + a + "}",
                                    "{" + metadata + "," + a + "," + b + "," + bf16 + "," + empty + "}     "}) {
    seeds.push_back("\1" + header);
    const std::size_t end = header.size() < 10 || header.find("dtype") == std::string::npos ? 0
                            : header.find("BF16") != std::string::npos                      ? 31
                            : header.find("U8") != std::string::npos                        ? 29
                                                                                            : 24;
    seeds.push_back(std::string(1, '\0') + little_endian(header.size(), 8) + header + std::string(end, 'v'));
  }
  return seeds;
}
