// Times forgetting attention (kernels/forgetting_attention) on random numbers: medians of CUDA events, bf16, heads of
// 64, q and k normalised to norm 8 so that logits are at most 8. Forward includes the decays. Shares are of the
// bandwidth of a large copy in the same run.
//
//   bench_forgetting_attention
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/forgetting_attention/forgetting_attention_cuda.h"
#include "kernels/forgetting_attention/threshold.h"

namespace {

using namespace trecvit;
using namespace trecvit::kernels;

constexpr std::int64_t kWidth = 64, kHeads = 12;
constexpr float kNorm = 8, kBound = 8;

void succeed(cudaError_t status) {
  if (status != cudaSuccess) throw Error(cudaGetErrorString(status));
}

template <class T>
class Array {
 public:
  explicit Array(std::int64_t count) : count_(count) {
    void* memory = nullptr;
    succeed(cudaMalloc(&memory, std::max<std::int64_t>(count, 1) * sizeof(T)));
    memory_.reset(memory, [](void* m) { cudaFree(m); });
    succeed(cudaMemset(memory, 0, count * sizeof(T)));
  }
  T* get() const { return static_cast<T*>(memory_.get()); }
  std::int64_t count() const { return count_; }
  double bytes() const { return static_cast<double>(count_) * sizeof(T); }

 private:
  std::int64_t count_;
  std::shared_ptr<void> memory_;
};

__device__ float uniform(std::uint64_t n) {  // splitmix64, in (0, 1]
  n = (n + 1) * 0x9e3779b97f4a7c15ull;
  n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9ull, n = (n ^ (n >> 27)) * 0x94d049bb133111ebull, n ^= n >> 31;
  return (static_cast<float>(n >> 40) + 1) * 0x1p-24f;
}
__device__ float normal(std::uint64_t n) {
  return sqrtf(-2 * logf(uniform(2 * n))) * cosf(6.2831853f * uniform(2 * n + 1));
}
// Lines of 64 normal numbers, a warp each, scaled to `norm` unless that is 0.
__global__ void fill_lines(Bf16* to, std::int64_t lines, float norm, std::uint64_t seed) {
  const std::int64_t line = (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / 32;
  if (line >= lines) return;
  const std::int64_t at = line * kWidth + threadIdx.x % 32 * 2;
  float a = normal(seed + at), b = normal(seed + at + 1), squares = a * a + b * b;
  for (int reach = 1; reach < 32; reach *= 2) squares += __shfl_xor_sync(~0u, squares, reach);
  const float factor = norm > 0 ? norm * rsqrtf(squares) * 0.999f : 1.0f;
  narrow(a * factor, to[at]), narrow(b * factor, to[at + 1]);
}

enum class Gates { kNormal, kUniform5, kHalfKeepAll, kConstant8 };
__global__ void fill_gates(float* log_f, std::int64_t count, Gates gates) {
  const std::int64_t n = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (n >= count) return;
  const float logit = gates == Gates::kUniform5 ? 5 * uniform(n) : normal(n);
  const float value = logit < 0 ? logit - log1pf(expf(logit)) : -log1pf(expf(-logit));
  const bool keeps = gates == Gates::kHalfKeepAll && n % kHeads % 2;
  log_f[n] = gates == Gates::kConstant8 ? logf(0.8f) : keeps ? 0.0f : value;
}

float median_us(const std::function<void()>& work, int runs = 15) {
  cudaEvent_t begin, end;
  succeed(cudaEventCreate(&begin)), succeed(cudaEventCreate(&end));
  std::vector<float> times;
  for (int run = -3; run < runs; ++run) {
    succeed(cudaEventRecord(begin));
    work();
    succeed(cudaEventRecord(end));
    succeed(cudaEventSynchronize(end));
    float ms = 0;
    succeed(cudaEventElapsedTime(&ms, begin, end));
    if (run >= 0) times.push_back(ms * 1e3f);
  }
  succeed(cudaEventDestroy(begin)), succeed(cudaEventDestroy(end));
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  return times[times.size() / 2];
}

double copy_bandwidth() {  // bytes per microsecond, read and written
  const Array<char> from(std::int64_t{1} << 30), to(std::int64_t{1} << 30);
  return 2 * from.bytes() /
         median_us([&] { succeed(cudaMemcpyAsync(to.get(), from.get(), from.count(), cudaMemcpyDeviceToDevice)); });
}

// Clips with everything that forward and backward want.
struct Clips {
  std::int64_t rows, length, lines = rows * kHeads * length, values = lines * kWidth;
  Array<Bf16> q{values}, k{values}, v{values}, out{values}, dout{values}, dq{values}, dk{values}, dv{values};
  Array<float> log_f{lines}, lse{lines}, dlog_f{lines};

  Clips(std::int64_t rows, std::int64_t length, Gates gates) : rows(rows), length(length) {
    std::uint64_t seed = 0;
    for (const auto* lines_of : {&q, &k, &v, &dout}) {
      fill_lines<<<static_cast<unsigned>((lines + 7) / 8), 256>>>(
          lines_of->get(), lines, lines_of == &q || lines_of == &k ? kNorm : 0.0f, seed);
      seed += 1ull << 40;
    }
    fill_gates<<<static_cast<unsigned>((lines + 255) / 256), 256>>>(log_f.get(), lines, gates);
    succeed(cudaDeviceSynchronize());
  }
  ForgettingAttentionInputs<Bf16> inputs(bool pruned) const {
    ForgettingAttentionInputs<Bf16> p;
    p.rows = rows, p.heads = kHeads, p.head_width = kWidth, p.queries = p.keys = length;
    p.q = q.get(), p.k = k.get(), p.v = v.get(), p.log_f = log_f.get();
    p.q_stride = p.k_stride = p.v_stride = kHeads * kWidth;
    if (pruned) p.threshold = forgetting_threshold(kBound, length);
    return p;
  }
};

struct Times {
  float forward, backward;
};

Times time_clips(const Clips& clips, bool pruned) {
  ForgettingAttentionForward<Bf16> f{clips.inputs(pruned)};
  ForgettingAttentionBackward<Bf16> b{clips.inputs(pruned)};
  const Array<char> decays(forgetting_decays_bytes_cuda(f)), scratch(forgetting_backward_bytes_cuda(b));
  f.decays = b.decays = decays.get(), b.scratch = scratch.get();
  f.out = clips.out.get(), f.lse = clips.lse.get();
  b.out = clips.out.get(), b.lse = clips.lse.get(), b.dout = clips.dout.get(), b.dq = clips.dq.get();
  b.dk = clips.dk.get(), b.dv = clips.dv.get(), b.dlog_f = clips.dlog_f.get();
  b.dq_stride = b.dk_stride = b.dv_stride = kHeads * kWidth;
  const float forward = median_us([&] {
    forgetting_decays_cuda(f, decays.get(), nullptr);
    forgetting_attention_forward_cuda(f, nullptr);
  });
  return {forward, median_us([&] { forgetting_attention_backward_cuda(b, nullptr); })};
}

void report(const char* name, const Times& t, const char* goals) {
  std::printf("%-46s forward %8.1f us  backward %8.1f us  both %8.1f us  %s\n", name, t.forward, t.backward,
              t.forward + t.backward, goals);
  std::fflush(stdout);
}

// One frame of streams that remember `living` keys each: forced by a window, of gates that keep all.
void time_step(std::int64_t rows, std::int64_t living, double bandwidth) {
  const std::int64_t cells = rows * kHeads;
  const Array<Bf16> q(cells * kWidth), k(cells * kWidth), v(cells * kWidth), out(cells * kWidth);
  const Array<Bf16> keys(cells * living * kWidth), values(cells * living * kWidth);
  const Array<float> log_f(cells);
  const Array<double> c(cells * living), lost(cells), worst(cells);
  const Array<std::int64_t> first(cells), next(cells);
  fill_lines<<<static_cast<unsigned>((cells + 7) / 8), 256>>>(q.get(), cells, kNorm, 1);
  fill_lines<<<static_cast<unsigned>((cells + 7) / 8), 256>>>(k.get(), cells, kNorm, 2);
  ForgettingStep<Bf16> p{.rows = rows, .heads = kHeads, .head_width = kWidth, .window = living};
  p.q = q.get(), p.k = k.get(), p.v = v.get(), p.q_stride = p.k_stride = p.v_stride = kHeads * kWidth;
  p.log_f = log_f.get(), p.bound = kBound, p.keys = keys.get(), p.values = values.get(), p.c = c.get();
  p.first = first.get(), p.next = next.get(), p.lost = lost.get(), p.worst = worst.get(), p.out = out.get();
  for (std::int64_t t = 0; t < living + 1; ++t) forgetting_attention_step_cuda(p, nullptr);
  const float us = median_us([&] { forgetting_attention_step_cuda(p, nullptr); });
  const double bytes = static_cast<double>(cells) * (living * (2 * kWidth * 2 + 8) + 6 * kWidth * 2 + 68);
  std::printf("step, %lld rows x %lld, %lld living keys: %.1f us, %.0f %% of copy (must 75, aim 88 at 256)\n",
              static_cast<long long>(rows), static_cast<long long>(kHeads), static_cast<long long>(living), us,
              100 * bytes / us / bandwidth);
  std::fflush(stdout);
}

void run() {
  const double bandwidth = copy_bandwidth();
  std::printf("copy %.0f GB/s\n", bandwidth / 1e3);
  {
    const Clips clips(1, 16384, Gates::kNormal);
    report("L 16,384, N(0,1), pruned", time_clips(clips, true), "(Triton 1,458; must 700, aim 400)");
    report("L 16,384, not pruned", time_clips(clips, false), "(Triton 9,635; must 6,800, aim 6,000)");
  }
  report("L 16,384, U(0,5), pruned", time_clips(Clips(1, 16384, Gates::kUniform5), true),
         "(Triton 2,400; must 1,600, aim 1,100)");
  report("L 16,384, half of the heads keep all", time_clips(Clips(1, 16384, Gates::kHalfKeepAll), true),
         "(Triton 6,000; must 4,200, aim 3,600)");
  {
    const Clips clips(1, 4096, Gates::kNormal);
    report("L 4,096, N(0,1), pruned", time_clips(clips, true), "(Triton 1,363; must 400, aim 220)");
    report("L 4,096, not pruned", time_clips(clips, false), "(Triton 1,351)");
  }
  report("L 65,536, N(0,1), pruned", time_clips(Clips(1, 65536, Gates::kNormal), true),
         "(must 4.4 times L 16,384, aim 4)");
  {
    const Clips clips(1576, 32, Gates::kNormal);
    const Times t = time_clips(clips, true);
    const double line = static_cast<double>(clips.values) * 2, number = static_cast<double>(clips.lines) * 4;
    report("1,576 rows, T 32", t, "");
    std::printf("  of copy: forward %.0f %% (must 75, aim 88), backward %.0f %% (must 60, aim 75)\n",
                100 * (4 * line + 2 * number) / t.forward / bandwidth,
                100 * (8 * line + 3 * number) / t.backward / bandwidth);
  }
  {
    const Clips clips(197, 1024, Gates::kConstant8);
    const Times pruned = time_clips(clips, true), whole = time_clips(clips, false);
    report("197 rows, T 1,024, f 0.8, pruned", pruned, "");
    report("197 rows, T 1,024, f 0.8, not pruned", whole, "");
    std::printf("  not pruned / pruned: %.2f (must 1.6, aim 2.1)\n",
                (whole.forward + whole.backward) / (pruned.forward + pruned.backward));
  }
  time_step(1576, 32, bandwidth);
  time_step(1576, 256, bandwidth);
  time_step(197, 32, bandwidth);
}

}  // namespace

int main() {
  try {
    run();
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_forgetting_attention: %s\n", e.what());
    return 1;
  }
}
