// Temporal kernels on the GPU against the bandwidth of a plain copy in the same run; bf16, medians of CUDA events.
// Prints what the plan chooses; with --all every way it could have chosen, the chosen one marked with *.
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

// Each plan the kernel accepts, or the chosen one alone.
std::vector<RgLruPlan> plans(const RgLruInputs<Bf16>& p, const RgLruPlan& chosen, bool all) {
  if (!all) return {chosen};
  std::vector<RgLruPlan> result{{.vector = 8}, {.vector = 4}, {.vector = 2}};
  if (p.rows <= 256 && p.frames >= 256) result.push_back({.vector = kRgLruChainVector, .chained = true});
  return result;
}

std::string name(const RgLruPlan& plan, const RgLruPlan& chosen) {
  const bool star = plan.vector == chosen.vector && plan.chained == chosen.chained;
  return text(star ? "*" : " ", plan.vector, " channels, ", plan.chained ? "chained" : "serial");
}

void bench_rg_lru(Pool& pool, std::int64_t rows, std::int64_t channels, std::int64_t frames, bool all_plans) {
  pool.rewind();
  const std::int64_t cells = rows * channels, all = cells * frames;
  RgLruInputs<Bf16> inputs{.frames = frames, .rows = rows, .channels = channels};
  inputs.x = pool.take<Bf16>(all), inputs.input_logits = pool.take<Bf16>(all), inputs.a_logits = pool.take<Bf16>(all);
  inputs.y = pool.take<Bf16>(all), inputs.y_stride = channels;
  float* parameters = pool.take<float>(channels);
  inputs.input_bias = inputs.a_bias = inputs.a_param = parameters;
  succeed(cudaMemset(parameters, 0, channels * sizeof(float)));
  auto* reset = pool.take<std::uint8_t>(frames * rows);  // at the first frame, as in training
  succeed(cudaMemset(reset, 0, frames * rows));
  succeed(cudaMemset(reset, 1, rows));
  inputs.reset = reset;
  const double bytes = static_cast<double>(all) * sizeof(Bf16);

  RgLruForward<Bf16> f;
  static_cast<RgLruInputs<Bf16>&>(f) = inputs;
  f.out = pool.take<Bf16>(all), f.h_last = pool.take<float>(cells);
  Bf16* h = pool.take<Bf16>(all);
  const RgLruPlan forward_plan = rg_lru_forward_plan_cuda(f);
  for (const RgLruPlan& plan : plans(inputs, forward_plan, all_plans)) {
    const std::string how = name(plan, forward_plan);
    Pool rest = pool;  // a copy hands out the same memory again
    f.scratch = rest.take<float>(rg_lru_forward_scratch_cuda(f, plan));
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
  const RgLruPlan backward_plan = rg_lru_backward_plan_cuda(b);
  for (const RgLruPlan& plan : plans(inputs, backward_plan, all_plans)) {
    Pool rest = pool;
    b.partials = rest.take<float>(rg_lru_backward_partials_cuda(b, plan));
    print("lru backward", rows, frames, name(plan, backward_plan),
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

void run(bool all_plans) {
  Pool pool;
  copy_bandwidth = measure_copy(pool);
  std::printf("%-14s %6s %6s\n", "kernel", "rows", "T");
  constexpr std::int64_t kChannels = 1536;
  struct Size {
    std::int64_t rows, frames;
  };
  for (const Size& size : {Size{197, 1}, Size{1576, 1}, Size{1576, 16}, Size{1576, 32}, Size{1576, 64}, Size{1576, 128},
                           Size{1576, 256}, Size{1576, 1024}, Size{197, 32}, Size{197, 256}, Size{197, 1024},
                           Size{197, 4096}, Size{64, 4096}, Size{16, 4096}, Size{1, 4096}}) {
    bench_rg_lru(pool, size.rows, kChannels, size.frames, all_plans);
    bench_conv(pool, size.rows, kChannels, size.frames);
  }
}

}  // namespace

int main(int count, char** arguments) {
  try {
    run(count > 1 && std::string(arguments[1]) == "--all");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_kernels_gpu: %s\n", error.what());
    return 1;
  }
}
