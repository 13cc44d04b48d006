// One body for every device: runs a device's norm forward and backward and compares with the scalar reference.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "fixtures.h"
#include "kernels/norm/norm.h"
#include "kernels/norm/reference.h"

namespace trecvit::kernels {

struct NormShape {
  std::int64_t rows, channels;
};

template <class Io>
NormInputs<Io> norm_inputs(NormKind kind, const NormShape& shape, const Io* x, const Wide<Io>* scale,
                           const Wide<Io>* bias) {
  return {kind, shape.rows, shape.channels, x, scale, kind == NormKind::kLayer ? bias : nullptr};
}

// The results of forward and backward.
template <class Io, class S>
struct NormResults {
  std::vector<Io> y, dx, y_again;
  std::vector<S> mean, inverse, dscale, dbias;

  NormResults(const NormShape& shape, const Io& io, const S& wide)
      : y(shape.rows * shape.channels, io),
        dx(y),
        y_again(y),
        mean(shape.rows, wide),
        inverse(mean),
        dscale(shape.channels, wide),
        dbias(dscale) {}

  NormForward<Io> forward(const NormInputs<Io>& inputs) {
    const bool layer = inputs.kind == NormKind::kLayer;
    return {inputs, y.data(), layer ? mean.data() : nullptr, inverse.data()};
  }
  // `more`: with a gradient past the norm, and y again.
  NormBackward<Io> backward(const NormInputs<Io>& inputs, const Io* dy, const Io* dskip, bool more) {
    const bool layer = inputs.kind == NormKind::kLayer;
    NormBackward<Io> p{inputs};
    p.mean = layer ? mean.data() : nullptr, p.inverse = inverse.data();
    p.dy = dy, p.dskip = more ? dskip : nullptr, p.dx = dx.data(), p.y = more ? y_again.data() : nullptr;
    p.dscale = dscale.data(), p.dbias = layer ? dbias.data() : nullptr;
    return p;
  }
};

// Every output within `tolerance` of the reference, and the same bits when run again.
template <class Io, class Device>
void expect_norm_matches(NormKind kind, const NormShape& shape, bool more, const Device& device, double tolerance) {
  SCOPED_TRACE(testing::Message() << (kind == NormKind::kRms ? "rms, " : "layer, ") << shape.rows << " rows of "
                                  << shape.channels << (more ? ", with a gradient past it" : ""));
  const std::int64_t all = shape.rows * shape.channels;
  Rng rng(13);
  const auto x = random_numbers<Io>(all, rng, 2.0, 0.7), dy = random_numbers<Io>(all, rng, 1.0);
  const auto dskip = random_numbers<Io>(all, rng, 1.0);
  const auto scale = random_numbers<float>(shape.channels, rng, 0.5),
             bias = random_numbers<float>(shape.channels, rng, 1);

  NormResults<double, double> expected(shape, 0.0, 0.0);
  const auto exact = norm_inputs(kind, shape, x.exact.data(), scale.exact.data(), bias.exact.data());
  reference::norm_forward(expected.forward(exact));
  reference::norm_backward(expected.backward(exact, dy.exact.data(), dskip.exact.data(), more));

  std::vector<NormResults<Io, float>> runs;
  for (int repeat = 0; repeat < 2; ++repeat) {
    const float poison = std::numeric_limits<float>::quiet_NaN();
    auto& ours = runs.emplace_back(shape, from_double<Io>(poison), poison);
    const auto inputs = norm_inputs(kind, shape, x.io.data(), scale.io.data(), bias.io.data());
    device.forward(ours.forward(inputs));
    device.backward(ours.backward(inputs, dy.io.data(), dskip.io.data(), more));
    EXPECT_LE(worst_error(ours.y, expected.y), tolerance) << "y";
    EXPECT_LE(worst_error(ours.inverse, expected.inverse), 1e-5) << "inverse";
    EXPECT_LE(worst_error(ours.dx, expected.dx), tolerance) << "dx";
    EXPECT_LE(worst_error(ours.dscale, expected.dscale), 1e-5) << "dscale";
    if (kind == NormKind::kLayer) {
      EXPECT_LE(worst_error(ours.mean, expected.mean), 1e-5) << "mean";
      EXPECT_LE(worst_error(ours.dbias, expected.dbias), 1e-5) << "dbias";
    }
    if (more) {
      EXPECT_EQ(0, std::memcmp(ours.y.data(), ours.y_again.data(), all * sizeof(Io))) << "y again";
    }
  }
  const auto same = [](const auto& a, const auto& b) {
    return std::memcmp(a.data(), b.data(), a.size() * sizeof(a[0])) == 0;
  };
  EXPECT_TRUE(same(runs[0].y, runs[1].y));
  EXPECT_TRUE(same(runs[0].dx, runs[1].dx));
  EXPECT_TRUE(same(runs[0].dscale, runs[1].dscale));
  EXPECT_TRUE(same(runs[0].dbias, runs[1].dbias));
}

// Registers of the GPU hold 1 to 4 packs of a row; 250 and 1030 are no multiple of a vector, 1280 too wide.
template <class Io, class Device>
void expect_norms_match(const Device& device, double tolerance) {
  for (const NormKind kind : {NormKind::kRms, NormKind::kLayer}) {
    for (const NormShape& shape :
         {NormShape{1, 1}, NormShape{3, 7}, NormShape{33, 24}, NormShape{197, 32}, NormShape{70, 768},
          NormShape{9, 384}, NormShape{2201, 24}, NormShape{50, 192}, NormShape{17, 1024}, NormShape{129, 250},
          NormShape{5, 1030}, NormShape{300, 1280}}) {
      expect_norm_matches<Io>(kind, shape, /*more=*/shape.rows % 2 == 1, device, tolerance);
    }
  }
}

}  // namespace trecvit::kernels
