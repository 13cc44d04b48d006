#include "nn/parameters.h"

#include <ATen/Parallel.h>

#include <cmath>

#include "core/error.h"

namespace trecvit::nn {

Init zeros() {
  return [](Rng&) { return 0.0f; };
}

Init normal(double standard_deviation) {
  return [standard_deviation](Rng& rng) { return static_cast<float>(standard_deviation * rng.normal()); };
}

Init uniform(double limit) {
  return [limit](Rng& rng) { return static_cast<float>(rng.uniform(-limit, limit)); };
}

Init lru_radius(double min_radius, double max_radius) {
  return [=](Rng& rng) {
    const double squared = rng.uniform(min_radius * min_radius, max_radius * max_radius);
    const double minus_log_radius = -0.5 * std::log(squared);
    return static_cast<float>(std::log(std::expm1(minus_log_radius)));
  };
}

Tensor Parameter::cast(at::ScalarType dtype) const {
  if (value.scalar_type() == dtype) return value.detach();
  return store_->flat_as(dtype).narrow(0, offset_, value.numel()).view(shape);
}

Tensor Parameter::in(at::ScalarType dtype) const {
  if (value.scalar_type() == dtype) return value;
  return at::GradMode::is_enabled() ? value.to(dtype) : cast(dtype);
}

ops::Weight Parameter::weight(at::ScalarType dtype) const { return {value, cast(dtype)}; }

namespace {

std::vector<std::int64_t> contiguous_strides(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

std::int64_t product(const std::vector<std::int64_t>& shape) {
  std::int64_t n = 1;
  for (auto d : shape) n *= d;
  return n;
}

// The elements that a leaf takes up in the flat buffer.
std::int64_t aligned(std::int64_t count) {
  constexpr std::int64_t kUnit = ParameterStore::kAlignment;
  return (count + kUnit - 1) / kUnit * kUnit;
}

}  // namespace

Parameter* ParameterStore::add(const std::string& name, std::vector<std::int64_t> shape, bool decay, Init init) {
  Parameter& p = parameters_.emplace_back();
  p.parts.push_back({.name = name, .shape = shape, .strides = contiguous_strides(shape), .init = std::move(init)});
  p.shape = std::move(shape);
  p.decay = decay;
  return &p;
}

Parameter* ParameterStore::add_columns(const std::vector<std::string>& names, std::int64_t rows, std::int64_t columns,
                                       std::vector<std::int64_t> official, bool decay, Init init) {
  Parameter& p = parameters_.emplace_back();
  const auto n = static_cast<std::int64_t>(names.size());
  p.shape = rows == 1 ? std::vector<std::int64_t>{n * columns} : std::vector<std::int64_t>{rows, n * columns};
  p.decay = decay;
  // Inner dimensions of one row are contiguous; the outermost one of a matrix steps over the neighbours' columns.
  std::vector<std::int64_t> strides = contiguous_strides(official);
  if (rows != 1) {
    ensure(official.front() == rows, names.front(), ": the first official dimension is not the number of rows");
    strides.front() = n * columns;
  }
  ensure(product(official) == rows * columns, names.front(), ": official shape does not fit");
  for (std::int64_t i = 0; i < n; ++i)
    p.parts.push_back(
        {.name = names[static_cast<std::size_t>(i)], .shape = official, .strides = strides, .offset = i * columns, .init = init});
  return &p;
}

std::int64_t ParameterStore::count() const {
  std::int64_t n = 0;
  for (const auto& p : parameters_) n += product(p.shape);
  return n;
}

std::int64_t ParameterStore::decayed_count() const {
  std::int64_t n = 0;
  for (const auto& p : parameters_) n += p.decay ? aligned(product(p.shape)) : 0;
  return n;
}

void ParameterStore::cast(at::ScalarType dtype) {
  if (dtype == flat_.scalar_type()) return;
  const at::NoGradGuard no_grad;
  const auto version = static_cast<std::int64_t>(flat_._version());  // leaves share it
  if (!copy_.defined() || copy_.scalar_type() != dtype) {
    copy_ = flat_.to(dtype);
  } else if (copy_version_ != version) {
    copy_.copy_(flat_);
  }
  copy_version_ = version;
}

const Tensor& ParameterStore::flat_as(at::ScalarType dtype) const {
  ensure(copy_.defined() && copy_.scalar_type() == dtype && copy_version_ == static_cast<std::int64_t>(flat_._version()),
         "parameters changed, and were not cast to ", toString(dtype), " since");
  return copy_;
}

void ParameterStore::allocate(at::Device device) {
  const at::NoGradGuard no_grad;
  std::int64_t size = 0;
  for (const auto& p : parameters_) size += aligned(product(p.shape));
  flat_ = at::zeros({size}, at::TensorOptions().dtype(at::kFloat).device(device));
  grad_ = at::zeros_like(flat_);
  std::int64_t next = 0;
  for (const bool decay : {true, false}) {
    for (auto& p : parameters_) {
      if (p.decay != decay) continue;
      const std::int64_t n = product(p.shape);
      p.value = flat_.narrow(0, next, n).view(p.shape).detach();
      p.store_ = this, p.offset_ = next;
      p.value.set_requires_grad(true);
      p.value.mutable_grad() = grad_.narrow(0, next, n).view(p.shape);
      next += aligned(n);
    }
  }
}

void ParameterStore::initialise(std::uint64_t seed) {
  const at::NoGradGuard no_grad;
  struct Draw {
    const Part* part;
    Tensor into, values;
  };
  std::vector<Draw> draws;
  for (auto& p : parameters_)
    for (const auto& part : p.parts)
      draws.push_back({&part, part.of(p.value.detach()), at::empty(part.shape, at::kFloat)});
  at::parallel_for(0, static_cast<std::int64_t>(draws.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t d = begin; d < end; ++d) {
      const Draw& draw = draws[static_cast<std::size_t>(d)];
      Rng rng(seed, stream_id(draw.part->name));
      float* out = draw.values.data_ptr<float>();
      for (std::int64_t i = 0, n = draw.values.numel(); i < n; ++i) out[i] = draw.part->init(rng);
    }
  });
  for (Draw& draw : draws) draw.into.copy_(draw.values);
}

}  // namespace trecvit::nn
