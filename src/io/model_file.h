// Models in files: our .safetensors with its metadata, the official .npz, or a checkpoint folder; and parameters by their
// official names, in and out.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/array.h"
#include "model/trecvit.h"

namespace trecvit {

// How the pictures and clips that a model was made for look; travels with the weights.
struct Preprocessing {
  std::int64_t size = 224;  // pixels
  std::int64_t frames = 32;
  std::int64_t stride = 2;
  double fps = 0;
  std::string sampling = "dense";
  std::string short_clip = "repeat_last";

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor& v) {
    v("size", self.size, "");
    v("frames", self.frames, "");
    v("stride", self.stride, "");
    v("fps", self.fps, "");
    v("sampling", self.sampling, "");
    v("short_clip", self.short_clip, "");
  }
};

struct ModelFile {
  std::filesystem::path path;
  ModelConfig config;               // resolved
  std::vector<std::string> labels;  // by class index; empty: the file does not tell
  Preprocessing preprocessing;
  NamedArrays arrays;  // by official name
  // Metadata of ours tells picture and clips. Without it only the number of patches is known: the picture of `config` is
  // then the square that has so many, or a row of them where no square has, and `preprocessing` the default.
  bool described = false;

  bool picture_known() const { return described || config.image_height == config.image_width; }
};

// `path`: .safetensors, .npz, or a folder that holds model.safetensors. The architecture comes from the metadata and is held
// against the shapes; without metadata it comes from the shapes alone (a square picture is assumed).
// Error: missing, broken, not a TRecViT, arrays that do not fit one another (naming the array that tells).
ModelFile read_model(const std::filesystem::path& path);

// The architecture that official arrays have. Error: an array that should be there is not, or contradicts another.
ModelConfig infer_config(const NamedArrays& arrays, const std::string& origin);

// The fate of every name when parameters were filled from arrays.
struct LoadReport {
  std::vector<std::string> loaded, missing, unexpected, reshaped;
};

struct LoadOptions {
  bool strict = true;             // anything but "loaded" is an Error; otherwise missing parameters keep their values
  bool resize_positions = false;  // bicubic, when the number of patches differs (square grids)
};

// Error: a shape that does not fit, naming array, file and both shapes.
LoadReport load_parameters(nn::ParameterStore& store, const NamedArrays& arrays, const std::string& origin,
                           const LoadOptions& options = {});

// All parameters under their official names, fp32.
NamedArrays parameter_arrays(const nn::ParameterStore& store);
// Anything flat and shaped like the store's flat buffer (an optimizer's moments), cut into the official tensors.
NamedArrays arrays_of(const nn::ParameterStore& store, const at::Tensor& flat);
void fill_flat(const nn::ParameterStore& store, const NamedArrays& arrays, const std::string& origin, at::Tensor flat);

void write_model(const std::filesystem::path& path, const NamedArrays& arrays, const ModelConfig& config,
                 const std::vector<std::string>& labels, const Preprocessing& preprocessing);

// Ready to run.
struct Model {
  nn::ParameterStore store;
  std::unique_ptr<TRecViT> net;
  std::vector<std::string> labels;  // never empty: "class 0", ... when the file does not tell
  Preprocessing preprocessing;
  at::Device device = at::kCPU;
};

// Reads, allocates on the device, fills. dtype fp32 or bf16. Error: the picture is not known.
std::unique_ptr<Model> load_model(const std::filesystem::path& path, at::Device device, at::ScalarType dtype = at::kFloat);

}  // namespace trecvit
