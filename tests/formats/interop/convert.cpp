// Reads arrays from one file and writes them to another, formats by suffix (.npz, .safetensors, .npy for a single
// array): the counterpart of python_interop.py.
#include <exception>
#include <filesystem>
#include <iostream>
#include <string>

#include "core/error.h"
#include "formats/npy.h"
#include "formats/npz.h"
#include "formats/safetensors.h"

namespace {

trecvit::Safetensors read(const std::filesystem::path& path) {
  if (path.extension() == ".npz") return {.metadata = {}, .arrays = trecvit::read_npz(path)};
  if (path.extension() == ".npy") return {.metadata = {}, .arrays = {{"array", trecvit::read_npy(path)}}};
  return trecvit::read_safetensors(path);
}

void write(const std::filesystem::path& path, const trecvit::Safetensors& content) {
  if (path.extension() == ".npz") {
    trecvit::write_npz(path, content.arrays);
  } else if (path.extension() == ".npy") {
    if (content.arrays.size() != 1) throw trecvit::UsageError(path.string(), " takes one array");
    trecvit::write_npy(path, content.arrays.begin()->second);
  } else {
    trecvit::write_safetensors(path, content.arrays, content.metadata);
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::cerr << "usage: formats_convert FROM TO\n";
    return 2;
  }
  try {
    write(arguments[2], read(arguments[1]));
  } catch (const std::exception& failure) {
    std::cerr << failure.what() << "\n";
    return 1;
  }
}
