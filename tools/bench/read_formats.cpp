// Seconds that one read of a file of named arrays takes, as JSON on standard output: read_formats FILE [--touch]
// FILE ends in .npz or .safetensors. With --touch every byte is also summed, so that mapped files are read too.
#include <chrono>
#include <cstdint>
#include <cstring>
#include <exception>
#include <iostream>
#include <string>

#include "formats/npz.h"
#include "formats/safetensors.h"

namespace {

std::uint64_t sum_of_words(const trecvit::NamedArrays& arrays) {
  std::uint64_t sum = 0;
  for (const auto& [name, array] : arrays) {
    for (std::size_t at = 0; at + sizeof(std::uint64_t) <= array.bytes(); at += sizeof(std::uint64_t)) {
      std::uint64_t word;
      std::memcpy(&word, array.data.get() + at, sizeof word);
      sum += word;
    }
  }
  return sum;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string path = count > 1 ? arguments[1] : "";
  const bool touch = count > 2 && std::string(arguments[2]) == "--touch";
  if (path.empty()) {
    std::cerr << "usage: read_formats FILE [--touch]\n";
    return 2;
  }
  try {
    const auto start = std::chrono::steady_clock::now();
    const trecvit::NamedArrays arrays =
        path.ends_with(".npz") ? trecvit::read_npz(path) : trecvit::read_safetensors(path).arrays;
    const std::uint64_t sum = touch ? sum_of_words(arrays) : 0;
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::size_t bytes = 0;
    for (const auto& [name, array] : arrays) bytes += array.bytes();
    std::cout << "{\"seconds\": " << seconds.count() << ", \"arrays\": " << arrays.size() << ", \"bytes\": " << bytes
              << ", \"sum\": " << sum << "}\n";
  } catch (const std::exception& failure) {
    std::cerr << failure.what() << "\n";
    return 1;
  }
}
