// The products of TRecViT-B on the GPU through kernels/matmul, each with every epilogue it could have: bf16, random
// data, medians of CUDA events. The first argument is the number of rows (tokens), by default those of 8 clips x 16
// frames.
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "gpu_bench.h"
#include "kernels/column_sums/column_sums_cuda.h"
#include "kernels/matmul/matmul_cuda.h"

namespace {

using namespace trecvit;
using namespace trecvit::kernels;

void* workspace = nullptr;

template <class In, class Out>
void print(const char* name, const char* how, const MatmulParams<In, Out>& p) {
  if (!matmul_cuda(p, workspace, nullptr)) {
    std::printf("%-12s %-32s no algorithm\n", name, how);
    return;
  }
  const double us = median_us([&] { matmul_cuda(p, workspace, nullptr); });
  const double operations = 2.0 * static_cast<double>(p.batch * p.rows * p.columns * p.inner);
  std::printf("%-12s %-32s %8.1f us %6.0f TFLOP/s\n", name, how, us, operations / us * 1e-6);
}

struct Layer {
  const char* name;
  std::int64_t in, out;
  bool gelu, residual;
};

void bench(Pool& pool, const Layer& layer, std::int64_t rows) {
  pool.rewind();
  const std::int64_t in = layer.in, out = layer.out;
  Bf16 *x = pool.take<Bf16>(rows * in), *w = pool.take<Bf16>(in * out), *bias = pool.take<Bf16>(out);
  Bf16 *y = pool.take<Bf16>(rows * out), *other = pool.take<Bf16>(rows * std::max(in, out));
  float *dw = pool.take<float>(in * out), *db = pool.take<float>(out);
  float* partials = pool.take<float>(column_sums_partials_cuda(rows, out));

  MatmulParams<Bf16, Bf16> forward{.rows = rows, .columns = out, .inner = in, .a = {x, in}, .b = {w, out}};
  forward.d = {y, out};
  print(layer.name, "forward", forward);
  forward.bias = bias, forward.epilogue = MatmulEpilogue::kBias;
  print(layer.name, "forward, bias", forward);
  if (layer.residual) {
    forward.c = {other, out};
    print(layer.name, "forward, bias, residual", forward);
  }
  if (layer.gelu) {
    forward.epilogue = MatmulEpilogue::kBiasGelu;
    print(layer.name, "forward, bias, gelu", forward);
    forward.aux = other;
    print(layer.name, "forward, bias, gelu, argument", forward);
  }
  // The gradient of the input of fc2 is the one that goes through gelu.
  MatmulParams<Bf16, Bf16> input{.rows = rows, .columns = in, .inner = out, .a = {y, out}, .b = {w, out}};
  input.transpose_b = true, input.d = {other, in};
  print(layer.name, "input gradient", input);
  if (in > out) {
    input.aux = x, input.epilogue = MatmulEpilogue::kGeluSlope;
    print(layer.name, "input gradient, gelu slope", input);
  }
  MatmulParams<Bf16, Bf16> narrow_weight{.rows = in, .columns = out, .inner = rows, .a = {x, in}, .b = {y, out}};
  narrow_weight.transpose_a = true, narrow_weight.d = {w, out};
  print(layer.name, "weight gradient, bf16", narrow_weight);
  MatmulParams<Bf16, float> weight{.rows = in, .columns = out, .inner = rows, .a = {x, in}, .b = {y, out}};
  weight.transpose_a = true, weight.d = {dw, out};
  print(layer.name, "weight gradient", weight);
  ColumnSumsParams<Bf16> sums{rows, out, y, db, partials};
  const double us = median_us([&] { column_sums_cuda(sums, nullptr); });
  std::printf("%-12s %-32s %8.1f us %6.0f GB/s\n", layer.name, "bias gradient", us, rows * out * 2 / us * 1e-3);
}

// The gates: 12 blocks of 128 channels; one gate at a time, and both side by side in one product of 256 columns.
void bench_gates(Pool& pool, std::int64_t rows) {
  pool.rewind();
  constexpr std::int64_t kBlocks = 12, kIn = 128, kWidth = kBlocks * kIn;
  Bf16 *x = pool.take<Bf16>(rows * kWidth), *y = pool.take<Bf16>(rows * kWidth * 2);
  Bf16* w = pool.take<Bf16>(kBlocks * kIn * kIn * 2);
  float* dw = pool.take<float>(kBlocks * kIn * kIn * 2);
  for (const std::int64_t out : {kIn, 2 * kIn}) {
    const char* name = out == kIn ? "one gate" : "both gates";
    const std::int64_t wide = kBlocks * out;
    MatmulParams<Bf16, Bf16> forward{.batch = kBlocks, .rows = rows, .columns = out, .inner = kIn};
    forward.a = {x, kWidth, kIn}, forward.b = {w, out, kIn * out}, forward.d = {y, wide, out};
    print(name, "forward", forward);
    MatmulParams<Bf16, Bf16> input{.batch = kBlocks, .rows = rows, .columns = kIn, .inner = out};
    input.a = {y, wide, out}, input.b = {w, out, kIn * out}, input.transpose_b = true, input.d = {x, kWidth, kIn};
    print(name, "input gradient", input);
    input.c = {x, kWidth, kIn};
    print(name, "input gradient, added", input);
    MatmulParams<Bf16, float> weight{.batch = kBlocks, .rows = kIn, .columns = out, .inner = rows};
    weight.a = {x, kWidth, kIn}, weight.transpose_a = true, weight.b = {y, wide, out}, weight.d = {dw, out, kIn * out};
    print(name, "weight gradient", weight);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::int64_t rows = argc > 1 ? std::atoll(argv[1]) : 8 * 16 * 197;
    succeed(cudaMalloc(&workspace, kMatmulWorkspace));
    Pool pool;
    std::printf("%lld rows\n", static_cast<long long>(rows));
    for (const Layer& layer :
         {Layer{"linear_x|y", 768, 3072}, Layer{"linear_out", 1536, 768, false, true}, Layer{"q|k|v", 768, 2304},
          Layer{"out", 768, 768, false, true}, Layer{"fc1", 768, 3072, true}, Layer{"fc2", 3072, 768, false, true}}) {
      bench(pool, layer, rows);
    }
    bench_gates(pool, rows);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_matmul_gpu: %s\n", error.what());
    return 1;
  }
}
