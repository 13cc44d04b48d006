#include "io/vit.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/error.h"
#include "io/vit_names.h"
#include "nn/tensors.h"

namespace trecvit {
namespace {

using at::Tensor;
using Shape = std::vector<std::int64_t>;

std::int64_t product(const Shape& shape) {
  std::int64_t n = 1;
  for (const auto d : shape) n *= d;
  return n;
}

// 0 when n is not a square.
std::int64_t square_side(std::int64_t n) {
  const auto side = static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(n))));
  return side * side == n ? side : 0;
}

// The shapes in which a source may hold a row's tensor; empty: load_vit() looks itself.
std::vector<Shape> source_shapes(const VitRow& row) {
  Shape shape;
  switch (row.layout) {
    case VitLayout::kSame:
      if (row.third >= 0) return {{3 * product(row.shape)}};
      shape = row.shape;
      break;
    case VitLayout::kOutIn: {
      const std::int64_t outputs = product(row.shape) / row.inputs;
      return {{row.third >= 0 ? 3 * outputs : outputs, row.inputs}};
    }
    case VitLayout::kPatches:
      return {{row.shape[4], row.shape[3], row.shape[1], row.shape[2]}};
    case VitLayout::kPositions:
      return {};
  }
  std::vector<Shape> shapes = {shape};
  // A 2-D patch embedding has no time; PyTorch keeps the heads of a bias side by side.
  if (shape.size() == 5) shapes.push_back(Shape(shape.begin() + 1, shape.end()));
  if (shape.size() == 2) shapes.push_back({product(shape)});
  return shapes;
}

// Any layout -> the official shape, fp32.
Tensor official(const VitRow& row, Tensor values) {
  if (row.third >= 0) values = values.chunk(3, /*dim=*/0)[static_cast<std::size_t>(row.third)];
  if (row.layout == VitLayout::kOutIn) values = values.t();
  if (row.layout == VitLayout::kPatches) values = values.permute({2, 3, 1, 0});
  return values.reshape(row.shape);
}

// With v = (x - mean) / deviation, k.v + b = (k / deviation).x + (b - sum of k * mean / deviation).
// kernel [1, p, p, 3, C], bias [C], both fp32; sums in fp64.
void fold_input_range(InputRange range, Tensor& kernel, Tensor& bias) {
  if (range == InputRange::kZeroOne) return;
  const bool imagenet = range == InputRange::kImagenet;
  const Tensor mean = imagenet ? at::tensor({0.485, 0.456, 0.406}, at::kDouble) : at::full({3}, 0.5, at::kDouble);
  const Tensor deviation = imagenet ? at::tensor({0.229, 0.224, 0.225}, at::kDouble) : at::full({3}, 0.5, at::kDouble);
  const Tensor scaled = kernel.to(at::kDouble) / deviation.view({3, 1});
  bias = (bias.to(at::kDouble) - (scaled * mean.view({3, 1})).sum(at::IntArrayRef{0, 1, 2, 3})).to(at::kFloat);
  kernel = scaled.to(at::kFloat);
}

}  // namespace

InputRange parse_input_range(const std::string& text) {
  if (text == "zero-one") return InputRange::kZeroOne;
  if (text == "minus-one-one") return InputRange::kMinusOneOne;
  if (text == "imagenet") return InputRange::kImagenet;
  throw UsageError("the input range is ", text, "; it must be zero-one, minus-one-one or imagenet");
}

Tensor resize_positions(const Tensor& positions, std::int64_t rows, std::int64_t columns, const std::string& origin) {
  const std::int64_t side = square_side(positions.size(1)), width = positions.size(2);
  if (side == 0)
    throw Error(origin, ": its ", positions.size(1),
                " positions form no square grid and cannot be resized; give the --image ", "that they were made for");
  const Tensor grid = positions.to(at::kFloat).view({1, side, side, width}).permute({0, 3, 1, 2});
  return at::upsample_bicubic2d(grid, {rows, columns}, /*align_corners=*/false)
      .permute({0, 2, 3, 1})
      .reshape({1, rows * columns, width});
}

VitReport load_vit(nn::ParameterStore& store, const ModelConfig& config, const NamedArrays& arrays,
                   const std::string& origin, const VitOptions& options) {
  const at::NoGradGuard no_grad;
  const NamedArrays plain = without_vit_prefix(arrays);
  const VitNaming naming = detect_vit(plain, origin);
  VitReport report;
  report.naming = vit_naming_name(naming);

  const auto misfit = [&](const std::string& name, const Array& array, const Shape& wanted) {
    return Error(origin, ": '", name, "' has the shape ", shape_text(array.shape), "; this model wants ",
                 shape_text(wanted));
  };
  std::map<std::string, Tensor> values;  // by official name
  std::set<std::string> used;
  Tensor cls_position;  // [1, 1, C]

  for (const VitRow& row : vit_rows(naming, config)) {
    auto found = plain.end();
    for (const auto& source : row.sources)
      if (found == plain.end()) found = plain.find(source);
    if (found == plain.end()) {
      report.missing.push_back(row.official);
      continue;
    }
    const auto& [name, array] = *found;
    used.insert(name);
    if (row.layout != VitLayout::kPositions) {
      const std::vector<Shape> shapes = source_shapes(row);
      if (std::find(shapes.begin(), shapes.end(), array.shape) == shapes.end())
        throw misfit(name, array, naming == VitNaming::kBigVision ? shapes.front() : shapes.back());
      values[row.official] = official(row, to_tensor(array).to(at::kFloat));
      report.loaded.push_back(row.official);
      continue;
    }
    if (array.shape.size() != 3 || array.shape[0] != 1 || array.shape[1] < 1 || array.shape[2] != config.width)
      throw misfit(name, array, {1, config.patches() + 1, config.width});
    Tensor positions = to_tensor(array).to(at::kFloat);
    const std::int64_t n = array.shape[1], wanted = config.patches();
    const bool with_cls = n == wanted + 1 || (n != wanted && square_side(n) == 0);
    if (with_cls) {
      cls_position = positions.narrow(1, 0, 1);
      positions = positions.narrow(1, 1, n - 1);
    }
    if (positions.size(1) == wanted) {
      report.loaded.push_back(row.official);
    } else if (options.resize_positions) {
      positions =
          resize_positions(positions, config.image_height / config.patch, config.image_width / config.patch, origin);
      report.reshaped.push_back(row.official);
    } else {
      throw Error(origin, ": '", name, "' has positions for ", positions.size(1), " patches and this model has ",
                  wanted, "; --resize-positions interpolates them");
    }
    values[row.official] = positions;
  }

  const auto kernel = values.find("tokenizer/embedding/kernel"), bias = values.find("tokenizer/embedding/bias");
  if (kernel != values.end()) {
    Tensor none = at::zeros({config.width}, at::kFloat);
    const bool has_bias = bias != values.end();
    fold_input_range(options.input_range, kernel->second, has_bias ? bias->second : none);
    if (!has_bias) values["tokenizer/embedding/bias"] = none;
  }
  if (cls_position.defined()) {
    const auto cls = values.find("tokenizer/cls");
    if (cls != values.end()) cls->second = cls->second + cls_position;
  }

  const std::set<std::string> missing(report.missing.begin(), report.missing.end());
  for (const auto& p : store.all())
    for (const auto& part : p.parts) {
      const auto found = values.find(part.name);
      if (found != values.end()) {
        part.of(p.value.detach()).copy_(found->second);
      } else if (!missing.count(part.name)) {
        report.initialised.push_back(part.name);
      }
    }
  for (const auto& [name, array] : plain)
    if (!used.count(name)) (is_image_classifier(name) ? report.left_out : report.unexpected).push_back(name);
  return report;
}

}  // namespace trecvit
