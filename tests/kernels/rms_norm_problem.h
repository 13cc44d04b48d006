// One body for every device: runs a device's RMSNorm forward and backward and compares with the scalar reference.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "fixtures.h"
#include "kernels/rms_norm/reference.h"
#include "kernels/rms_norm/rms_norm.h"

namespace trecvit::kernels {

struct RmsNormShape {
  std::int64_t rows, channels;
};

// y, inverse, dx, dscale within `tolerance` of the reference, and the same bits when run again.
template <class Io, class Device>
void expect_rms_norm_matches(const RmsNormShape& shape, const Device& device, double tolerance) {
  SCOPED_TRACE(testing::Message() << shape.rows << " rows of " << shape.channels);
  const std::int64_t all = shape.rows * shape.channels;
  Rng rng(13);
  const auto x = random_numbers<Io>(all, rng, 2.0, 0.3), dy = random_numbers<Io>(all, rng, 1.0);
  const auto scale = random_numbers<float>(shape.channels, rng, 0.5);

  std::vector<double> y(all), inverse(shape.rows), dx(all), dscale(shape.channels);
  reference::rms_norm_forward(RmsNormForward<double>{.rows = shape.rows,
                                                     .channels = shape.channels,
                                                     .x = x.exact.data(),
                                                     .scale = scale.exact.data(),
                                                     .y = y.data(),
                                                     .inverse = inverse.data()});
  reference::rms_norm_backward(RmsNormBackward<double>{.rows = shape.rows,
                                                       .channels = shape.channels,
                                                       .x = x.exact.data(),
                                                       .scale = scale.exact.data(),
                                                       .inverse = inverse.data(),
                                                       .dy = dy.exact.data(),
                                                       .dx = dx.data(),
                                                       .dscale = dscale.data()});
  std::vector<Io> first_y, first_dx;
  for (int repeat = 0; repeat < 2; ++repeat) {
    std::vector<Io> ours_y = poisoned<Io>(all), ours_dx = ours_y;
    std::vector<float> ours_inverse = poisoned<float>(shape.rows), ours_dscale = poisoned<float>(shape.channels);
    RmsNormForward<Io> f{.rows = shape.rows, .channels = shape.channels, .x = x.io.data(), .scale = scale.io.data()};
    f.y = ours_y.data(), f.inverse = ours_inverse.data();
    device.forward(f);
    RmsNormBackward<Io> b{.rows = shape.rows, .channels = shape.channels, .x = x.io.data(), .scale = scale.io.data()};
    b.inverse = ours_inverse.data(), b.dy = dy.io.data(), b.dx = ours_dx.data(), b.dscale = ours_dscale.data();
    device.backward(b);
    EXPECT_LE(worst_error(ours_y, y), tolerance) << "y";
    EXPECT_LE(worst_error(ours_inverse, inverse), 1e-6) << "inverse";
    EXPECT_LE(worst_error(ours_dx, dx), tolerance) << "dx";
    EXPECT_LE(worst_error(ours_dscale, dscale), 1e-5) << "dscale";
    if (repeat == 0) first_y = ours_y, first_dx = ours_dx;
    EXPECT_EQ(0, std::memcmp(first_y.data(), ours_y.data(), all * sizeof(Io)));
    EXPECT_EQ(0, std::memcmp(first_dx.data(), ours_dx.data(), all * sizeof(Io)));
  }
}

inline const RmsNormShape kRmsNormShapes[] = {{1, 1}, {3, 7}, {33, 24}, {197, 32}, {70, 768}, {129, 250}, {5, 1030}};

}  // namespace trecvit::kernels
