// Holds a build on a machine against recorded outputs of the official model: every output, state, gradient and loss that a
// golden file has. What `doctor --golden` prints.
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <string>
#include <vector>

namespace trecvit {

struct GoldenRow {
  std::string name;      // as in the file: "output/encoderblock_1", "grad/encoder/encoder_norm/scale"
  double relative = 0;   // L2 of the difference over L2 of the recorded values (gradients of tiny norm: over the largest
                         // norm among the tensors of their layer)
  double largest = 0;    // greatest absolute difference
  double tolerance = 0;  // on `relative`
  bool pass = false;
};

struct GoldenReport {
  std::vector<GoldenRow> rows;
  bool pass = false;  // every row, and there is at least one
};

struct GoldenTolerance {
  double output = 1e-5, gradient = 1e-4, loss = 1e-4;
};
// fp32 on the CPU, fp32 on a GPU, bf16.
GoldenTolerance golden_tolerance(at::Device device, at::ScalarType dtype);

// `file`: an .npz of input/video, weights (under params/ or bare), and any of output/…, state/…, grad/…,
// output/adamw_losses. A file of one RG-LRU layer (x, h0, segment_pos, grad_y, y, …) is known too.
// Error: not such a file; weights that contradict each other.
GoldenReport check_golden(const std::filesystem::path& file, at::Device device, at::ScalarType dtype = at::kFloat);

}  // namespace trecvit
