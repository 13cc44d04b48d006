#include "io/model_file.h"

#include <cmath>
#include <set>

#include "core/json.h"
#include "formats/npz.h"
#include "formats/safetensors.h"
#include "io/json_config.h"
#include "nn/tensors.h"

namespace trecvit {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormat = "trecvit-1";

std::vector<std::string> labels_of(const nlohmann::json& json) {
  std::vector<std::string> labels;
  for (const auto& label : json) labels.push_back(label.get<std::string>());
  return labels;
}

// Every array that a model of this architecture has must have its shape there, or be missing.
void check_shapes(const ModelFile& file) {
  nn::ParameterStore store;  // declares names and shapes; nothing is allocated
  const TRecViT net(store, file.config);
  for (const auto& p : store.all())
    for (const auto& part : p.parts) {
      const auto found = file.arrays.find(part.name);
      if (found != file.arrays.end() && found->second.shape != part.shape)
        throw Error(file.path.string(), ": '", part.name, "' has the shape ", shape_text(found->second.shape),
                    "; its other arrays ask for ", shape_text(part.shape));
    }
}

void check_against_shapes(const ModelFile& file) {
  ModelConfig seen = infer_config(file.arrays, file.path.string());
  const ModelConfig& told = file.config;
  const auto same = [&](const char* what, std::int64_t metadata, std::int64_t shapes) {
    if (metadata != shapes)
      throw Error(file.path.string(), ": its metadata says ", what, " ", metadata, " but its arrays have ", shapes);
  };
  same("width", told.width, seen.width);
  same("depth", told.depth, seen.depth);
  same("heads", told.heads, seen.heads);
  same("mlp_width", told.mlp_width, seen.mlp_width);
  same("lru_width", told.mixer.gated_lru.lru_width, seen.mixer.gated_lru.lru_width);
  for (std::int64_t i = 0; i < told.depth; ++i)
    if (mixer_of_layer(told.mixers, i) != mixer_of_layer(seen.mixers, i))
      throw Error(file.path.string(), ": its metadata says that layer ", i, " has the mixer ", mixer_of_layer(told.mixers, i),
                  " but its arrays are those of ", mixer_of_layer(seen.mixers, i));
  same("classes", told.classes, seen.classes);
  same("patches", told.patches(), file.arrays.at("tokenizer/pos_embedding").shape[1]);
}

// The shortest pattern of mixers that gives every layer the kind of its arrays; their sizes go to `sizes`.
std::vector<std::string> recognise_mixers(const NamedArrays& arrays, const std::string& origin, std::int64_t depth,
                                          MixerConfig& sizes) {
  std::vector<std::string> found;
  for (std::int64_t i = 0; i < depth; ++i) {
    const std::string prefix = temporal_block_name("encoder", i);
    const MixerKind* kind = nullptr;
    try {
      for (const auto& candidate : mixer_kinds())
        if (!kind && candidate->recognise(arrays, prefix, sizes)) kind = candidate.get();
    } catch (const Error& failure) {
      throw Error(origin, ": ", failure.what());
    }
    if (!kind) throw Error(origin, " is not a TRecViT model: below '", prefix, "' are the arrays of no known temporal mixer");
    found.push_back(kind->name());
  }
  for (std::size_t period = 1; period < found.size(); ++period) {
    bool repeats = true;
    for (std::size_t i = period; i < found.size(); ++i) repeats = repeats && found[i] == found[i % period];
    if (repeats) {
      found.resize(period);
      break;
    }
  }
  return found;
}

}  // namespace

ModelConfig infer_config(const NamedArrays& arrays, const std::string& origin) {
  const auto shape = [&](const std::string& name, std::size_t dimensions) -> const std::vector<std::int64_t>& {
    const auto found = arrays.find(name);
    if (found == arrays.end()) throw Error(origin, " is not a TRecViT model: it has no array '", name, "'");
    if (found->second.shape.size() != dimensions)
      throw Error(origin, ": '", name, "' has the shape ", shape_text(found->second.shape), "; it must have ",
                  dimensions, " dimensions");
    for (const auto d : found->second.shape)
      if (d < 1) throw Error(origin, ": '", name, "' is empty");
    return found->second.shape;
  };
  ModelConfig config;
  const auto& embedding = shape("tokenizer/embedding/kernel", 5);
  config.patch = embedding[1];
  config.width = embedding[4];
  std::int64_t depth = 0;
  while (arrays.count(text("encoder/encoderblock_", depth, "/MlpBlock_0/Dense_0/kernel"))) ++depth;
  config.depth = depth;
  const auto& query = shape("encoder/encoderblock_0/MultiHeadDotProductAttention_0/query/kernel", 3);
  config.heads = query[1];
  config.mlp_width = shape("encoder/encoderblock_0/MlpBlock_0/Dense_0/kernel", 2)[1];
  config.mixers = recognise_mixers(arrays, origin, depth, config.mixer);
  config.classes = 0;
  if (arrays.count("decoder/cls_head/kernel")) {
    const auto& head = shape("decoder/cls_head/kernel", 2);
    config.head_width = head[0];
    config.classes = head[1];
  }
  const std::int64_t patches = shape("tokenizer/pos_embedding", 3)[1];
  const auto side = static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(patches))));
  // A grid that is not square cannot be told from its length alone; one row of patches keeps the count right.
  config.image_height = (side * side == patches ? side : 1) * config.patch;
  config.image_width = (side * side == patches ? side : patches) * config.patch;
  config.variant = "B";
  for (const auto& name : {"mu", "Ti", "S", "B", "L"}) {
    ModelConfig named;
    named.variant = name;
    named.resolve(224);
    if (named.width == config.width && named.depth == config.depth) config.variant = name;
  }
  try {
    config.check();
  } catch (const UsageError& error) {
    throw Error(origin, ": ", error.what());
  }
  return config;
}

ModelFile read_model(const fs::path& given) {
  ModelFile file;
  file.path = fs::is_directory(given) ? given / "model.safetensors" : given;
  if (!fs::exists(file.path)) {
    if (file.path != given)
      throw Error(given.string(), " holds no model.safetensors; give a model file or a checkpoint folder");
    throw Error("no model at ", given.string(), "; give a .safetensors, an official .npz or a checkpoint folder");
  }
  Safetensors read;
  if (file.path.extension() == ".npz") {
    read.arrays = read_npz(file.path);
  } else {
    read = read_safetensors(file.path);
  }
  file.arrays = std::move(read.arrays);
  const auto architecture = read.metadata.find("architecture");
  if (architecture == read.metadata.end()) {
    file.config = infer_config(file.arrays, file.path.string());
    file.preprocessing.size = file.config.image_height;
    check_shapes(file);
    return file;
  }
  file.described = true;
  try {
    from_json(nlohmann::json::parse(architecture->second), file.config, "architecture");
    if (read.metadata.count("labels")) file.labels = labels_of(nlohmann::json::parse(read.metadata.at("labels")));
    if (read.metadata.count("preprocessing"))
      from_json(nlohmann::json::parse(read.metadata.at("preprocessing")), file.preprocessing, "preprocessing");
    file.config.check();
  } catch (const nlohmann::json::exception& failure) {
    throw Error(file.path.string(), ": its metadata is damaged: ", failure.what());
  } catch (const Error& failure) {
    throw Error(file.path.string(), ": its metadata is damaged: ", failure.what());
  }
  check_against_shapes(file);
  check_shapes(file);
  if (!file.labels.empty() && static_cast<std::int64_t>(file.labels.size()) != file.config.classes)
    throw Error(file.path.string(), ": its metadata names ", file.labels.size(), " labels for ", file.config.classes,
                " classes");
  return file;
}

namespace {

// Bicubic resize of learned positions [1, from, C] between square grids.
at::Tensor resized_positions(const at::Tensor& positions, std::int64_t to, const std::string& origin) {
  const std::int64_t from = positions.size(1), width = positions.size(2);
  const auto side = [](std::int64_t n) {
    return static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(n))));
  };
  const std::int64_t a = side(from), b = side(to);
  if (a * a != from || b * b != to)
    throw Error(origin, ": positions of ", from, " patches cannot be resized to ", to, "; both grids must be square");
  const at::Tensor grid = positions.view({1, a, a, width}).permute({0, 3, 1, 2});
  return at::upsample_bicubic2d(grid, {b, b}, /*align_corners=*/false).permute({0, 2, 3, 1}).reshape({1, to, width});
}

}  // namespace

LoadReport load_parameters(nn::ParameterStore& store, const NamedArrays& arrays, const std::string& origin,
                           const LoadOptions& options) {
  const at::NoGradGuard no_grad;
  LoadReport report;
  std::vector<std::string> known;
  for (const auto& p : store.all()) {
    for (const auto& part : p.parts) {
      known.push_back(part.name);
      const auto found = arrays.find(part.name);
      if (found == arrays.end()) {
        report.missing.push_back(part.name);
        continue;
      }
      at::Tensor values = to_tensor(found->second).to(at::kFloat);
      if (found->second.shape != part.shape) {
        if (part.name == "tokenizer/pos_embedding" && options.resize_positions && values.dim() == 3) {
          values = resized_positions(values, part.shape[1], origin);
          report.reshaped.push_back(part.name);
        } else {
          throw Error(origin, ": '", part.name, "' has the shape ", shape_text(found->second.shape),
                      "; this model wants ", shape_text(part.shape));
        }
      } else {
        report.loaded.push_back(part.name);
      }
      part.of(p.value.detach()).copy_(values);
    }
  }
  const std::set<std::string> names(known.begin(), known.end());
  for (const auto& [name, array] : arrays)
    if (!names.count(name)) report.unexpected.push_back(name);
  if (options.strict && !report.missing.empty())
    throw Error(origin, " lacks ", report.missing.size(), " arrays of this model, the first is '",
                report.missing.front(), "'");
  if (options.strict && !report.unexpected.empty())
    throw Error(origin, " has ", report.unexpected.size(), " arrays that this model does not have, the first is '",
                report.unexpected.front(), "'");
  return report;
}

NamedArrays arrays_of(const nn::ParameterStore& store, const at::Tensor& flat) {
  NamedArrays arrays;
  const at::Tensor host = flat.detach().to(at::kCPU).contiguous();
  for (const auto& p : store.all())
    for (const auto& part : p.parts)
      arrays[part.name] = to_array(host.as_strided(part.shape, part.strides, p.value.storage_offset() + part.offset));
  return arrays;
}

NamedArrays parameter_arrays(const nn::ParameterStore& store) { return arrays_of(store, store.flat()); }

void fill_flat(const nn::ParameterStore& store, const NamedArrays& arrays, const std::string& origin, at::Tensor flat) {
  const at::NoGradGuard no_grad;
  at::Tensor host = at::zeros(flat.sizes(), at::kFloat);  // what lies between leaves stays zero
  for (const auto& p : store.all())
    for (const auto& part : p.parts) {
      const auto found = arrays.find(part.name);
      if (found == arrays.end() || found->second.shape != part.shape)
        throw Error(origin, " does not fit this model: '", part.name, "' is missing or has another shape");
      host.as_strided(part.shape, part.strides, p.value.storage_offset() + part.offset).copy_(to_tensor(found->second));
    }
  flat.copy_(host);
}

void write_model(const fs::path& path, const NamedArrays& arrays, const ModelConfig& config,
                 const std::vector<std::string>& labels, const Preprocessing& preprocessing) {
  write_safetensors(path, arrays,
                    {{"format", kFormat},
                     {"architecture", json_text(to_json(config))},
                     {"labels", json_text(nlohmann::json(labels))},
                     {"preprocessing", json_text(to_json(preprocessing))}});
}

std::unique_ptr<Model> load_model(const fs::path& path, at::Device device, at::ScalarType dtype) {
  ModelFile file = read_model(path);
  if (!file.picture_known())
    throw Error(file.path.string(), " has positions for ", file.config.patches(),
                " patches, no square grid, and does not ",
                "tell the picture; `trecvit convert --image HxW` makes a model of it that does");
  auto model = std::make_unique<Model>();
  model->device = device;
  model->net = std::make_unique<TRecViT>(model->store, file.config);
  model->net->set_dtype(dtype);
  model->store.allocate(device);
  // A masked auto-encoder's decoder is not needed here.
  NamedArrays wanted;
  for (const auto& [name, array] : file.arrays)
    if (name.rfind("mae_decoder/", 0) != 0) wanted.emplace(name, array);
  load_parameters(model->store, wanted, file.path.string());
  model->net->cast_weights();
  model->labels = file.labels;
  for (std::int64_t i = static_cast<std::int64_t>(model->labels.size()); i < file.config.classes; ++i)
    model->labels.push_back(text("class ", i));
  model->preprocessing = file.preprocessing;
  return model;
}

}  // namespace trecvit
