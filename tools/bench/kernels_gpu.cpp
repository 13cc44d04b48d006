// Temporal kernels on the GPU against the bandwidth of a plain copy: every way the plan could have chosen, the chosen
// one marked with *. bf16; medians of CUDA events.
#include <cstdio>
#include <string>
#include <vector>

#include "gpu_bench.h"
#include "kernels/causal_conv1d/causal_conv1d_cuda.h"
#include "kernels/rg_lru/rg_lru_cuda.h"

namespace {

using namespace trecvit;
using namespace trecvit::kernels;

double copy_bandwidth = 1;  // bytes read and written per us

void print(const std::string& what, std::int64_t rows, std::int64_t frames, const std::string& how, double us,
           double bytes) {
  std::printf("%-14s %6ld %6ld  %-24s %9.1f us  %6.0f GB/s  %3.0f %% of copy\n", what.c_str(), static_cast<long>(rows),
              static_cast<long>(frames), how.c_str(), us, bytes / us * 1e-3, bytes / us / copy_bandwidth * 100);
}

// Each plan the kernel accepts: serial and, for long clips, in chunks.
std::vector<RgLruPlan> plans(std::int64_t rows, std::int64_t frames, int widest) {
  std::vector<RgLruPlan> result;
  for (int vector = widest; vector >= 2; vector /= 2) {
    result.push_back({vector, frames});
    if (frames < 256 || rows > 256) continue;
    for (std::int64_t chunk : {32, 64, 128}) result.push_back({vector, chunk});
  }
  return result;
}

std::string name(const RgLruPlan& plan, const RgLruPlan& chosen, std::int64_t frames) {
  const bool star = plan.vector == chosen.vector && plan.chunk_frames == chosen.chunk_frames;
  return text(star ? "*" : " ", "vector ", plan.vector,
              plan.chunk_frames < frames ? text(" chunks of ", plan.chunk_frames) : " serial");
}

void bench_rg_lru(Pool& pool, std::int64_t rows, std::int64_t channels, std::int64_t frames) {
  pool.rewind();
  const std::int64_t cells = rows * channels, all = cells * frames;
  RgLruInputs<Bf16> inputs{.frames = frames, .rows = rows, .channels = channels};
  inputs.x = pool.take<Bf16>(all), inputs.input_logits = pool.take<Bf16>(all), inputs.a_logits = pool.take<Bf16>(all);
  inputs.y = pool.take<Bf16>(all), inputs.y_stride = channels;
  float* parameters = pool.take<float>(channels);
  inputs.input_bias = inputs.a_bias = inputs.a_param = parameters;
  succeed(cudaMemset(parameters, 0, channels * sizeof(float)));
  const double bytes = static_cast<double>(all) * sizeof(Bf16);

  RgLruForward<Bf16> f;
  static_cast<RgLruInputs<Bf16>&>(f) = inputs;
  f.out = pool.take<Bf16>(all), f.h_last = pool.take<float>(cells);
  Bf16* h = pool.take<Bf16>(all);
  float* scratch = pool.take<float>((frames / 32 + 1) * 2 * cells);
  f.scratch = scratch;
  for (const RgLruPlan& plan : plans(rows, frames, 8)) {
    const std::string how = name(plan, rg_lru_forward_plan_cuda(f), frames);
    f.h = nullptr;
    print("lru infer", rows, frames, how, median_us([&] { rg_lru_forward_cuda(f, plan, nullptr); }), 5 * bytes);
    f.h = h;
    print("lru forward", rows, frames, how, median_us([&] { rg_lru_forward_cuda(f, plan, nullptr); }), 6 * bytes);
  }
  RgLruBackward<Bf16> b;
  static_cast<RgLruInputs<Bf16>&>(b) = inputs;
  b.h = h, b.dout = f.out;
  b.dx = pool.take<Bf16>(all), b.dinput_logits = pool.take<Bf16>(all), b.da_logits = pool.take<Bf16>(all);
  b.dy = pool.take<Bf16>(all), b.dy_stride = channels;
  b.dh0 = f.h_last, b.dinput_bias = pool.take<float>(channels), b.da_bias = pool.take<float>(channels);
  b.da_param = pool.take<float>(channels);
  for (const RgLruPlan& plan : plans(rows, frames, 4)) {
    const RgLruPlan chosen = rg_lru_backward_plan_cuda(b);
    const std::int64_t kept = rg_lru_backward_partials_cuda(b, plan);
    Pool rest = pool;  // a copy hands out the same memory again
    b.partials = rest.take<float>(kept);
    print("lru backward", rows, frames, name(plan, chosen, frames),
          median_us([&] { rg_lru_backward_cuda(b, plan, nullptr); }), 10 * bytes);
  }
}

void bench_conv(Pool& pool, std::int64_t rows, std::int64_t channels, std::int64_t frames) {
  pool.rewind();
  const std::int64_t cells = rows * channels, all = cells * frames;
  CausalConv1dForward<Bf16> f;
  f.frames = frames, f.rows = rows, f.channels = channels;
  f.z = pool.take<Bf16>(all * 2), f.z_stride = 2 * channels;
  f.w = pool.take<float>(4 * channels), f.b = pool.take<float>(channels);
  f.out = pool.take<Bf16>(all), f.state_out = pool.take<Bf16>(3 * cells);
  const double bytes = static_cast<double>(all) * sizeof(Bf16);
  print("conv forward", rows, frames, "", median_us([&] { causal_conv1d_forward_cuda(f, nullptr); }), 2 * bytes);
  CausalConv1dBackward<Bf16> b;
  static_cast<CausalConv1dInputs<Bf16>&>(b) = f;
  b.dout = f.out, b.dz = pool.take<Bf16>(all), b.dz_stride = channels;
  b.dw = pool.take<float>(4 * channels), b.db = pool.take<float>(channels);
  b.partials = pool.take<float>(causal_conv1d_partials_cuda(b));
  print("conv backward", rows, frames, "", median_us([&] { causal_conv1d_backward_cuda(b, nullptr); }), 3 * bytes);
}

void run() {
  Pool pool;
  copy_bandwidth = measure_copy(pool);
  std::printf("%-14s %6s %6s\n", "kernel", "rows", "T");
  constexpr std::int64_t kChannels = 1536;
  struct Size {
    std::int64_t rows, frames;
  };
  for (const Size& size :
       {Size{197, 1}, Size{1576, 1}, Size{1576, 16}, Size{1576, 32}, Size{1576, 64}, Size{1576, 256}, Size{1576, 1024},
        Size{197, 32}, Size{197, 256}, Size{197, 1024}, Size{197, 4096}, Size{64, 4096}}) {
    bench_rg_lru(pool, size.rows, kChannels, size.frames);
    bench_conv(pool, size.rows, kChannels, size.frames);
  }
}

}  // namespace

int main() {
  try {
    run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_kernels_gpu: %s\n", error.what());
    return 1;
  }
}
