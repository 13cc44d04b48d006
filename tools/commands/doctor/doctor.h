// The checks of `trecvit doctor`, in parts that need different libraries.
#pragma once

#include <string>
#include <vector>

#include "core/error.h"

namespace trecvit::tools {

struct Codec {
  std::string name;
  bool decoder = false, encoder = false;
};

// The codecs that data sets and our own files come in.
std::vector<Codec> available_codecs();
std::string ffmpeg_version();
std::string opencv_version();

struct Device {
  std::string name;         // "cpu", "cuda:0"
  std::string description;  // "16 threads, AVX2", "NVIDIA H100 80GB, compute capability 9.0, 79.2 GiB"
};
std::vector<Device> devices();
std::string torch_version();

// One op on one device against the plain reference in double, forward and backward.
struct SelfTest {
  std::string op, device, precision;
  double error = 0;      // largest |value - reference| over the largest |reference|, of outputs and gradients
  double tolerance = 0;  // passed: error <= tolerance
  bool passed() const { return error <= tolerance; }
};
std::vector<SelfTest> self_tests();

// Holds this build on `device` against a file of the official model's outputs, states, gradients and losses, and prints
// every comparison. Error: not such a file, or a value out of tolerance.
ExitCode check_golden_file(const std::string& file, const std::string& device, const std::string& precision, bool json);

}  // namespace trecvit::tools
