#include "io/model_conversion.h"

#include "core/error.h"
#include "core/file.h"
#include "formats/npz.h"
#include "formats/safetensors.h"
#include "nn/tensors.h"

namespace trecvit {
namespace {

constexpr const char* kPositions = "tokenizer/pos_embedding";
constexpr const char* kMaeDecoder = "mae_decoder/";

void check(const ConvertOptions& o) {
  if (o.from != "jax-npz" && o.from != "safetensors" && o.from != "vit")
    throw UsageError("--from is ", o.from, "; it must be jax-npz, safetensors or vit");
  if (o.to != "jax-npz" && o.to != "safetensors")
    throw UsageError("--to is ", o.to, "; it must be safetensors or jax-npz");
  const std::string wanted = o.to == "jax-npz" ? ".npz" : ".safetensors";
  if (o.out.extension() != wanted)
    throw UsageError("the output ", o.out.string(), " must end in ", wanted, " with --to ", o.to);
  const bool npz = o.in.extension() == ".npz";
  if (o.from != "vit" && npz != (o.from == "jax-npz"))
    throw UsageError("--from ", o.from, " does not fit ", o.in.string(), "; a .npz is jax-npz, a .safetensors or a ",
                     "checkpoint folder safetensors");
}

struct Converted {
  NamedArrays arrays;
  std::vector<std::string> labels;
  Preprocessing preprocessing;
};

// The picture's sides as options and file have them, held against the number of positions [1, n, C].
void settle_picture(const ConvertOptions& o, ModelFile& file, ConvertReport& report) {
  ModelConfig& c = report.config;
  const std::int64_t n = file.arrays.at(kPositions).shape[1];
  if (o.image_height > 0) {
    c.image_height = o.image_height;
    c.image_width = o.image_width;
    file.preprocessing.size = c.image_height;
  } else if (!file.picture_known()) {
    throw Error(o.in.string(), " has positions for ", n, " patches, no square grid; give the picture by --image HxW");
  }
  try {
    c.check();
  } catch (const UsageError& failure) {
    throw Error(o.in.string(), ": ", failure.what());
  }
  if (c.patches() == n) return;
  if (!o.resize_positions)
    throw Error(o.in.string(), " has positions for ", n, " patches and a picture of ", c.image_height, "x",
                c.image_width, " has ", c.patches(), "; --resize-positions interpolates them");
  Array& array = file.arrays.at(kPositions);
  const at::Tensor positions = to_tensor(array);
  array = to_array(resize_positions(positions, c.image_height / c.patch, c.image_width / c.patch, o.in.string())
                       .to(positions.scalar_type()));
  report.reshaped.push_back(kPositions);
}

// Official arrays, as they are.
Converted from_trecvit(const ConvertOptions& o, ConvertReport& report) {
  ModelFile file = read_model(o.in);
  report.config = file.config;
  settle_picture(o, file, report);
  // Declares every name and shape; nothing is allocated.
  nn::ParameterStore store;
  const TRecViT net(store, report.config);
  Converted out{.labels = std::move(file.labels), .preprocessing = file.preprocessing};
  for (const auto& p : store.all())
    for (const auto& part : p.parts) {
      const auto found = file.arrays.find(part.name);
      if (found == file.arrays.end()) {
        report.missing.push_back(part.name);
        continue;
      }
      if (report.reshaped.empty() || part.name != kPositions) report.loaded.push_back(part.name);
      out.arrays.insert(file.arrays.extract(found));
    }
  for (const auto& [name, array] : file.arrays) {
    if (name.rfind(kMaeDecoder, 0) == 0) {
      report.loaded.push_back(name);
      out.arrays.emplace(name, array);
    } else if (name.rfind("encoder/", 0) == 0 || name.rfind("tokenizer/", 0) == 0) {
      throw Error(o.in.string(), " is not a whole TRecViT: '", name, "' does not belong to a model of ",
                  report.config.depth, " pairs of blocks, as many as are complete");
    } else {
      report.unexpected.push_back(name);
    }
  }
  // Such a file could not be loaded; there are no values to put in their place.
  if (!report.missing.empty())
    throw Error(o.in.string(), " is not a whole TRecViT: ", report.missing.size(),
                " arrays are missing, the first is '", report.missing.front(), "'");
  return out;
}

Converted from_vit(const ConvertOptions& o, ConvertReport& report) {
  NamedArrays image;
  if (o.in.extension() == ".npz") {
    image = read_npz(o.in);
  } else if (o.in.extension() == ".safetensors") {
    image = read_safetensors(o.in).arrays;
  } else {
    throw Error(o.in.string(), " is neither a .safetensors nor an .npz; save the image model as one of them");
  }
  report.config = o.model;
  Converted out{.preprocessing = o.preprocessing};
  if (o.image_height > 0) {
    report.config.image_height = o.image_height;
    report.config.image_width = o.image_width;
    out.preprocessing.size = o.image_height;
  }
  report.config.check();
  nn::ParameterStore store;
  const TRecViT net(store, report.config);
  store.allocate(at::kCPU);
  store.initialise(o.seed);
  static_cast<VitReport&>(report) = load_vit(store, report.config, image, o.in.string(),
                                             {.input_range = o.input_range, .resize_positions = o.resize_positions});
  out.arrays = parameter_arrays(store);
  return out;
}

void refuse_unless_whole(const ConvertReport& report, const std::string& origin) {
  const auto refuse = [&](const std::vector<std::string>& names, const char* what) {
    if (!names.empty())
      throw Error(origin, ": ", names.size(), " arrays are ", what, ", the first is '", names.front(),
                  "'; without --strict they would only be reported");
  };
  refuse(report.missing, "missing");
  refuse(report.unexpected, "unexpected");
  refuse(report.reshaped, "reshaped");
}

}  // namespace

ConvertReport convert(const ConvertOptions& options) {
  check(options);
  check_output_file(options.out);
  ConvertReport report;
  Converted converted = options.from == "vit" ? from_vit(options, report) : from_trecvit(options, report);
  if (!options.labels.empty()) converted.labels = read_labels(options.labels, report.config.classes);
  if (options.strict) refuse_unless_whole(report, options.in.string());
  for (const auto& [name, array] : converted.arrays) report.parameters += array.count();
  report.labels = static_cast<std::int64_t>(converted.labels.size());
  if (options.to == "jax-npz") {
    write_npz(options.out, converted.arrays);
  } else {
    write_model(options.out, converted.arrays, report.config, converted.labels, converted.preprocessing);
  }
  return report;
}

}  // namespace trecvit
