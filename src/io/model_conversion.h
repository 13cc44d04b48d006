// Model files into one another: official .npz <-> our .safetensors bit for bit, and an ImageNet ViT into a TRecViT.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "io/model_file.h"
#include "io/vit.h"

namespace trecvit {

struct ConvertOptions {
  std::filesystem::path in, out;
  std::string from = "jax-npz";    // jax-npz | safetensors | vit
  std::string to = "safetensors";  // safetensors | jax-npz; the end of `out` must say the same
  std::filesystem::path labels;    // class names; empty: those of `in`, if any
  std::int64_t image_height = 0;   // pixels; 0: as `in` says, or a square grid
  std::int64_t image_width = 0;
  bool strict = false;  // anything missing, unexpected or reshaped is an Error and nothing is written
  bool resize_positions = false;
  // From a ViT alone:
  InputRange input_range = InputRange::kMinusOneOne;
  ModelConfig model;  // resolved and checked; min_radius and max_radius shape the initial recurrence
  Preprocessing preprocessing;
  std::uint64_t seed = 0;
};

struct ConvertReport : VitReport {  // naming is empty unless from a ViT
  ModelConfig config;
  std::int64_t parameters = 0;  // elements written
  std::int64_t labels = 0;
};

// Writes `out` complete or not at all. Arrays of a TRecViT keep dtype and bits (resized positions aside); those that
// the model does not have, a masked auto-encoder's decoder ("mae_decoder/") aside, are reported and left out.
// UsageError: unknown kinds, an `out` that ends otherwise. Error: an array missing from a TRecViT or of another shape.
ConvertReport convert(const ConvertOptions& options);

// Class names by index: a .txt with a name a line, or .json: ["name", ...], {"0": "name", ...} or {"name": 0, ...}.
// Error: unreadable, a gap, a name that is empty or given twice, not `classes` of them (classes < 0: any number).
std::vector<std::string> read_labels(const std::filesystem::path& path, std::int64_t classes);

}  // namespace trecvit
