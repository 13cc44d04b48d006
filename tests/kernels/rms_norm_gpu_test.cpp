#ifdef TRECVIT_HAS_CUDA
#include <gtest/gtest.h>

#include "gpu_buffer.h"
#include "kernels/rms_norm/rms_norm_cuda.h"
#include "rms_norm_problem.h"

namespace trecvit::kernels {
namespace {

template <class Io>
struct OnGpu {
  void forward(const RmsNormForward<Io>& host) const {
    OnDevice device;
    RmsNormForward<Io> p = host;
    p.x = device.in(p.x, p.rows * p.channels), p.scale = device.in(p.scale, p.channels);
    p.y = device.out(p.y, p.rows * p.channels), p.inverse = device.out(p.inverse, p.rows);
    rms_norm_forward_cuda(p, nullptr);
    device.finish();
  }
  void backward(const RmsNormBackward<Io>& host) const {
    OnDevice device;
    RmsNormBackward<Io> p = host;
    const std::int64_t all = p.rows * p.channels;
    p.x = device.in(p.x, all), p.dy = device.in(p.dy, all), p.scale = device.in(p.scale, p.channels);
    p.inverse = device.in(p.inverse, p.rows);
    p.dx = device.out(p.dx, all), p.dscale = device.out(p.dscale, p.channels);
    std::vector<float> partials = poisoned<float>(rms_norm_partials_cuda(p.rows, p.channels));
    p.partials = device.out(partials.data(), partials.size());
    rms_norm_backward_cuda(p, nullptr);
    device.finish();
  }
};

TEST(GpuRmsNorm, MatchesTheReference) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  for (const RmsNormShape& shape : kRmsNormShapes) {
    expect_rms_norm_matches<float>(shape, OnGpu<float>{}, 1e-5);
    expect_rms_norm_matches<Bf16>(shape, OnGpu<Bf16>{}, 1e-2);
  }
}

}  // namespace
}  // namespace trecvit::kernels
#endif
