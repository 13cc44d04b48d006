// The products of TRecViT-B on the GPU through kernels/matmul, each with every epilogue it could have: bf16, random
// data, medians of CUDA events. The first argument is the number of rows (tokens), by default those of 8 clips x 16
// frames.
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include "core/error.h"
#include "core/rng.h"
#include "kernels/column_sums/column_sums_cuda.h"
#include "kernels/matmul/matmul_cuda.h"

namespace {

using namespace trecvit;
using namespace trecvit::kernels;

void succeed(cudaError_t status) {
  if (status != cudaSuccess) throw Error("CUDA: ", cudaGetErrorString(status));
}

template <class T>
T* random_array(std::int64_t count) {
  static std::vector<T> numbers;
  if (numbers.empty()) {
    Rng rng(1);
    numbers.resize(1 << 20);
    for (T& number : numbers) narrow(static_cast<float>(rng.normal()), number);
  }
  T* array = nullptr;
  succeed(cudaMalloc(&array, count * sizeof(T)));
  const auto piece = static_cast<std::int64_t>(numbers.size());
  for (std::int64_t at = 0; at < count; at += piece) {
    succeed(cudaMemcpy(array + at, numbers.data(), std::min(piece, count - at) * sizeof(T), cudaMemcpyHostToDevice));
  }
  return array;
}

double median_us(const std::function<bool()>& work) {
  cudaEvent_t begin, end;
  succeed(cudaEventCreate(&begin));
  succeed(cudaEventCreate(&end));
  for (int warm = 0; warm < 3; ++warm) {
    if (!work()) return 0;
  }
  std::vector<float> times(15);
  for (float& time : times) {
    succeed(cudaEventRecord(begin));
    work();
    succeed(cudaEventRecord(end));
    succeed(cudaEventSynchronize(end));
    succeed(cudaEventElapsedTime(&time, begin, end));
  }
  std::nth_element(times.begin(), times.begin() + 7, times.end());
  return times[7] * 1e3;
}

void* workspace = nullptr;

template <class In, class Out>
void print(const char* name, const char* how, const MatmulParams<In, Out>& p) {
  const double us = median_us([&] { return matmul_cuda(p, workspace, nullptr); });
  const double operations = 2.0 * static_cast<double>(p.batch) * p.rows * p.columns * p.inner;
  if (us > 0) std::printf("%-12s %-32s %8.1f us %6.0f TFLOP/s\n", name, how, us, operations / us * 1e-6);
  if (us == 0) std::printf("%-12s %-32s no algorithm\n", name, how);
}

struct Layer {
  const char* name;
  std::int64_t in, out;
  bool gelu, residual;
};

void bench(const Layer& layer, std::int64_t rows) {
  const std::int64_t in = layer.in, out = layer.out;
  Bf16 *x = random_array<Bf16>(rows * in), *w = random_array<Bf16>(in * out), *bias = random_array<Bf16>(out);
  Bf16 *y = random_array<Bf16>(rows * out), *other = random_array<Bf16>(rows * std::max(in, out));
  float *dw = random_array<float>(in * out), *db = random_array<float>(out);
  float* partials = random_array<float>(column_sums_partials_cuda(rows, out));

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
  const double us = median_us([&] { return column_sums_cuda(sums, nullptr), true; });
  std::printf("%-12s %-32s %8.1f us %6.0f GB/s\n", layer.name, "bias gradient", us, rows * out * 2 / us * 1e-3);
  for (void* array :
       {static_cast<void*>(x), static_cast<void*>(w), static_cast<void*>(bias), static_cast<void*>(y),
        static_cast<void*>(other), static_cast<void*>(dw), static_cast<void*>(db), static_cast<void*>(partials)}) {
    succeed(cudaFree(array));
  }
}

// The gates: 12 blocks of 128 channels; one gate at a time, and both side by side in one product of 256 columns.
void bench_gates(std::int64_t rows) {
  constexpr std::int64_t kBlocks = 12, kIn = 128, kWidth = kBlocks * kIn;
  Bf16 *x = random_array<Bf16>(rows * kWidth), *y = random_array<Bf16>(rows * kWidth * 2);
  Bf16* w = random_array<Bf16>(kBlocks * kIn * kIn * 2);
  float* dw = random_array<float>(kBlocks * kIn * kIn * 2);
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
    std::printf("%lld rows\n", static_cast<long long>(rows));
    for (const Layer& layer :
         {Layer{"linear_x|y", 768, 3072}, Layer{"linear_out", 1536, 768, false, true}, Layer{"q|k|v", 768, 2304},
          Layer{"out", 768, 768, false, true}, Layer{"fc1", 768, 3072, true}, Layer{"fc2", 3072, 768, false, true}}) {
      bench(layer, rows);
    }
    bench_gates(rows);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_matmul_gpu: %s\n", error.what());
    return 1;
  }
}
