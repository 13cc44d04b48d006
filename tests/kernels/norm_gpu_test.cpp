#ifdef TRECVIT_HAS_CUDA
#include <gtest/gtest.h>

#include "gpu_buffer.h"
#include "kernels/norm/norm_cuda.h"
#include "norm_problem.h"

namespace trecvit::kernels {
namespace {

template <class Io>
struct OnGpu {
  template <class Params>
  static Params on_device(const Params& host, OnDevice& device) {
    Params p = host;
    p.x = device.in(p.x, p.rows * p.channels);
    p.scale = device.in(p.scale, p.channels), p.bias = device.in(p.bias, p.channels);
    return p;
  }
  void forward(const NormForward<Io>& host) const {
    OnDevice device;
    NormForward<Io> p = on_device(host, device);
    p.y = device.out(p.y, p.rows * p.channels);
    p.mean = device.out(p.mean, p.rows), p.inverse = device.out(p.inverse, p.rows);
    norm_forward_cuda(p, nullptr);
    device.finish();
  }
  void backward(const NormBackward<Io>& host) const {
    OnDevice device;
    NormBackward<Io> p = on_device(host, device);
    const std::int64_t all = p.rows * p.channels;
    p.dy = device.in(p.dy, all), p.dskip = device.in(p.dskip, all);
    p.mean = device.in(p.mean, p.rows), p.inverse = device.in(p.inverse, p.rows);
    p.dx = device.out(p.dx, all), p.y = device.out(p.y, all);
    p.dscale = device.out(p.dscale, p.channels), p.dbias = device.out(p.dbias, p.channels);
    std::vector<float> partials = poisoned<float>(norm_partials_cuda(p.rows, p.channels));
    p.partials = device.out(partials.data(), partials.size());
    norm_backward_cuda(p, nullptr);
    device.finish();
  }
};

TEST(GpuNorm, MatchesTheReference) {
  if (!gpu_present()) GTEST_SKIP() << "no CUDA device";
  expect_norms_match<float>(OnGpu<float>{}, 1e-5);
  expect_norms_match<Bf16>(OnGpu<Bf16>{}, 1e-2);
}

}  // namespace
}  // namespace trecvit::kernels
#endif
