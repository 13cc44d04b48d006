// cuBLASLt thinks in columns: row-major D = A B is D' = B' A' to it, so its first operand is our B, and what runs along
// the columns of D, the bias, runs along the rows of D', where its epilogues want it.
#include <cublasLt.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "kernels/launch.h"
#include "kernels/matmul/skinny_gemm.h"
#include "kernels/matmul/matmul_cuda.h"

namespace trecvit::kernels {
namespace {

void succeed(cublasStatus_t status, const char* call) {
  if (status != CUBLAS_STATUS_SUCCESS) throw Error("cuBLASLt: ", call, ": ", cublasLtGetStatusString(status));
}

template <auto kDestroy>
struct Destroy {
  template <class T>
  void operator()(T* opaque) const {
    kDestroy(opaque);
  }
};
using Description = std::unique_ptr<cublasLtMatmulDescOpaque_t, Destroy<cublasLtMatmulDescDestroy>>;
using Layout = std::unique_ptr<cublasLtMatrixLayoutOpaque_t, Destroy<cublasLtMatrixLayoutDestroy>>;
using Preference = std::unique_ptr<cublasLtMatmulPreferenceOpaque_t, Destroy<cublasLtMatmulPreferenceDestroy>>;

template <class T>
constexpr cudaDataType_t kType = sizeof(T) == 2 ? CUDA_R_16BF : CUDA_R_32F;

template <class T>
void set(const Description& description, cublasLtMatmulDescAttributes_t attribute, const T& value) {
  succeed(cublasLtMatmulDescSetAttribute(description.get(), attribute, &value, sizeof value), "describe a product");
}

// A matrix of `rows` rows of `length` elements in memory.
template <class T>
Layout layout(const Matrix<T>& matrix, std::int64_t rows, std::int64_t length, std::int64_t batch) {
  cublasLtMatrixLayout_t opaque = nullptr;
  succeed(cublasLtMatrixLayoutCreate(&opaque, kType<T>, length, rows, matrix.stride), "describe a matrix");
  Layout result(opaque);
  if (batch > 1) {
    const auto count = static_cast<std::int32_t>(batch);
    succeed(cublasLtMatrixLayoutSetAttribute(opaque, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count),
            "batch");
    succeed(cublasLtMatrixLayoutSetAttribute(opaque, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &matrix.batch_stride,
                                             sizeof matrix.batch_stride),
            "batch");
  }
  return result;
}

template <class In, class Out>
cublasLtEpilogue_t library_epilogue(const MatmulParams<In, Out>& p) {
  switch (p.epilogue) {
    case MatmulEpilogue::kBias:
      return CUBLASLT_EPILOGUE_BIAS;
    case MatmulEpilogue::kBiasGelu:
      return p.aux ? CUBLASLT_EPILOGUE_GELU_AUX_BIAS : CUBLASLT_EPILOGUE_GELU_BIAS;
    case MatmulEpilogue::kGeluSlope:
      return CUBLASLT_EPILOGUE_DGELU;
    case MatmulEpilogue::kNone:
      break;
  }
  return CUBLASLT_EPILOGUE_DEFAULT;
}

template <class In, class Out>
Description describe(const MatmulParams<In, Out>& p) {
  cublasLtMatmulDesc_t opaque = nullptr;
  succeed(cublasLtMatmulDescCreate(&opaque, CUBLAS_COMPUTE_32F, CUDA_R_32F), "describe a product");
  Description result(opaque);
  set(result, CUBLASLT_MATMUL_DESC_TRANSA, p.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(result, CUBLASLT_MATMUL_DESC_TRANSB, p.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(result, CUBLASLT_MATMUL_DESC_EPILOGUE, library_epilogue(p));
  if (p.bias) set(result, CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias);
  if (p.aux) {
    set(result, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, p.aux);
    set(result, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, p.d.stride);
  }
  return result;
}

std::int64_t alignment(const void* pointer) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  return address % 256 == 0 ? 256 : static_cast<std::int64_t>(address & -address);
}

template <class T>
T configured(const cublasLtMatmulAlgo_t& algorithm, cublasLtMatmulAlgoConfigAttributes_t attribute) {
  T value{};
  succeed(cublasLtMatmulAlgoConfigGetAttribute(&algorithm, attribute, &value, sizeof value, nullptr), "inspect");
  return value;
}

// Blocks of threads that share what they read; 0: a shape that choose() does not ask for.
int cluster_blocks(const cublasLtMatmulAlgo_t& algorithm) {
  switch (configured<std::uint16_t>(algorithm, CUBLASLT_ALGO_CONFIG_CLUSTER_SHAPE_ID)) {
    case CUBLASLT_CLUSTER_SHAPE_1x1x1:
      return 1;
    case CUBLASLT_CLUSTER_SHAPE_2x1x1:
    case CUBLASLT_CLUSTER_SHAPE_1x2x1:
      return 2;
    case CUBLASLT_CLUSTER_SHAPE_4x2x1:
    case CUBLASLT_CLUSTER_SHAPE_2x4x1:
      return 8;
    default:
      return 0;
  }
}

// Which of the library's candidates to take: its first, but for two cases in which that is not the fastest on Hopper
// (docs/benchmarks.md, "The library's choice of a product").
//   - One wave of small tiles along a long inner dimension waits for operands from L2. Clusters of eight read the
//   least.
//   - Many waves along a short one end tiles all the time, with all warps at one tile; not so those of 128 x 128.
template <class In, class Out>
std::size_t choose(const MatmulParams<In, Out>& p, std::span<const cublasLtMatmulHeuristicResult_t> found) {
  if (sizeof(In) != 2 || p.batch > 1 || architecture() != 90) return 0;
  const auto first = [&](const auto& suits) {
    const auto it = std::find_if(found.begin(), found.end(), suits);
    return it == found.end() ? 0 : static_cast<std::size_t>(it - found.begin());
  };
  const double waves = found[0].wavesCount,
               tile = static_cast<double>(p.rows * p.columns) / (waves * multiprocessors());
  const int sharing = cluster_blocks(found[0].algo);
  if (waves <= 1 && tile <= 96 * 128 && p.inner >= 768 && (sharing == 1 || sharing == 2)) {
    return first([](const cublasLtMatmulHeuristicResult_t& candidate) {
      const double filled = candidate.wavesCount;
      return cluster_blocks(candidate.algo) == 8 && filled >= 0.85 && filled <= 1;
    });
  }
  if (waves >= 4 && p.inner <= 1536 && !p.aux) {
    return first([](const cublasLtMatmulHeuristicResult_t& candidate) {
      return configured<std::uint32_t>(candidate.algo, CUBLASLT_ALGO_CONFIG_TILE_ID) == CUBLASLT_MATMUL_TILE_128x128;
    });
  }
  return 0;
}

// The choices so far, and the library's context, of one device.
using Key = std::array<std::int64_t, 24>;
struct Library {
  cublasLtHandle_t handle = nullptr;
  std::map<Key, std::optional<cublasLtMatmulAlgo_t>> choices;
};

std::mutex library_mutex;

Library& library_of_device() {
  static std::map<int, Library> libraries;  // contexts live as long as the program
  int device = 0;
  if (cudaGetDevice(&device) != cudaSuccess) throw Error("no CUDA device is current");
  Library& library = libraries[device];
  if (!library.handle) succeed(cublasLtCreate(&library.handle), "start");
  return library;
}

}  // namespace

template <class In, class Out>
bool matmul_cuda(const MatmulParams<In, Out>& p, void* workspace, cudaStream_t stream) {
  if constexpr (sizeof(In) == 2 && sizeof(Out) == 2) {
    if (skinny_gemm_cuda(p, stream)) return true;
  }
  const Description description = describe(p);
  const Layout b = p.transpose_b ? layout(p.b, p.columns, p.inner, p.batch) : layout(p.b, p.inner, p.columns, p.batch);
  const Layout a = p.transpose_a ? layout(p.a, p.inner, p.rows, p.batch) : layout(p.a, p.rows, p.inner, p.batch);
  const Layout d = layout(p.d, p.rows, p.columns, p.batch);
  const Layout c = p.c.data ? layout(p.c, p.rows, p.columns, p.batch) : layout(p.d, p.rows, p.columns, p.batch);
  const Out* addend = p.c.data ? p.c.data : p.d.data;

  const Key key{p.batch,
                p.rows,
                p.columns,
                p.inner,
                p.transpose_a,
                p.transpose_b,
                p.a.stride,
                p.a.batch_stride,
                p.b.stride,
                p.b.batch_stride,
                p.c.stride,
                p.c.batch_stride,
                p.d.stride,
                p.d.batch_stride,
                static_cast<std::int64_t>(sizeof(In)),
                static_cast<std::int64_t>(sizeof(Out)),
                static_cast<std::int64_t>(library_epilogue(p)),
                alignment(p.a.data),
                alignment(p.b.data),
                alignment(addend),
                alignment(p.d.data),
                alignment(p.bias),
                alignment(p.aux),
                p.c.data != nullptr};
  const std::lock_guard lock(library_mutex);
  Library& library = library_of_device();
  auto [choice, is_new] = library.choices.try_emplace(key);
  if (is_new) {
    cublasLtMatmulPreference_t opaque = nullptr;
    succeed(cublasLtMatmulPreferenceCreate(&opaque), "prefer");
    const Preference preference(opaque);
    const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
      succeed(cublasLtMatmulPreferenceSetAttribute(opaque, attribute, &value, sizeof value), "prefer");
    };
    prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kMatmulWorkspace);
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, static_cast<std::uint32_t>(alignment(p.b.data)));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, static_cast<std::uint32_t>(alignment(p.a.data)));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, static_cast<std::uint32_t>(alignment(addend)));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, static_cast<std::uint32_t>(alignment(p.d.data)));
    std::array<cublasLtMatmulHeuristicResult_t, 8> found{};
    int count = 0;
    const cublasStatus_t status =
        cublasLtMatmulAlgoGetHeuristic(library.handle, description.get(), b.get(), a.get(), c.get(), d.get(), opaque,
                                       static_cast<int>(found.size()), found.data(), &count);
    if (status == CUBLAS_STATUS_SUCCESS && count > 0) {
      choice->second = found[choose(p, std::span(found).first(static_cast<std::size_t>(count)))].algo;
    }
  }
  if (!choice->second) return false;
  const float one = 1, addend_factor = p.c.data ? 1 : 0;
  succeed(cublasLtMatmul(library.handle, description.get(), &one, p.b.data, b.get(), p.a.data, a.get(), &addend_factor,
                         addend, c.get(), p.d.data, d.get(), &*choice->second, workspace, kMatmulWorkspace, stream),
          "multiply");
  return true;
}

template bool matmul_cuda(const MatmulParams<float, float>&, void*, cudaStream_t);
template bool matmul_cuda(const MatmulParams<Bf16, Bf16>&, void*, cudaStream_t);
template bool matmul_cuda(const MatmulParams<Bf16, float>&, void*, cudaStream_t);

}  // namespace trecvit::kernels
