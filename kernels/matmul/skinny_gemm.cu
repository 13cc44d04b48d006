// With few rows it is not the tensor cores' time that counts but everything that happens in turn, so little does:
//   - A block of threads computes 64 columns of up to 136 rows of D, as D' = B' A': B needs no transposing, and of the
//     rows' side, which comes in eights, little is wasted.
//   - Its weights, all of them, are on their way to shared memory while the kernel in front still runs. Activations
//     come in pieces of 64 of the inner dimension, as many at once as there is room for.
//   - Where there are few columns, a cluster of up to 4 blocks shares the inner dimension; each of them adds up its
//     part of the rows from what the others send, always in the same order.
//   - Results go from registers to memory.
#include "kernels/bulk_copy.cuh"
#include "kernels/launch.h"
#include "kernels/matmul/skinny_gemm.h"
#include "kernels/matmul/skinny_gemm_plan.h"
#include "kernels/matmul/warpgroup.cuh"
#include "kernels/tensor_cores.cuh"

namespace trecvit::kernels {
namespace {

using namespace skinny_gemm;  // the plan

constexpr std::int64_t kMostRows = 408;

#ifdef __CUDA_ARCH_FEAT_SM90_ALL

// Where a lane reads and writes rows of D. Of 16 columns and 8 rows the sums' layout would have it hold columns 2 q and
// 8 + 2 q of row lane / 4, and the next of each, q = lane % 4; neighbours swap, so that one has four columns of the
// lower eight and the other four of the upper, and a quad moves 32 bytes.
struct Lane {
  int row, column;
  bool odd;
  __device__ __forceinline__ Lane()
      : row(lane_index() / 4), column(lane_index() % 2 * 8 + lane_index() % 4 / 2 * 4), odd(lane_index() % 2) {}
  // {the lower eight's pair, the upper eight's} to four columns, and back
  __device__ __forceinline__ uint2 swapped(uint2 v) const {
    const std::uint32_t received = __shfl_xor_sync(~0u, odd ? v.x : v.y, 1);
    return make_uint2(odd ? received : v.x, odd ? v.y : received);
  }
};

#endif

template <int kGroups, int kRanks>
__global__ __launch_bounds__(kThreads) void multiply_few(const __grid_constant__ CUtensorMap weights,
                                                         const __grid_constant__ CUtensorMap activations,
                                                         const MatmulParams<Bf16, Bf16> p, const Plan plan) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  extern __shared__ __align__(1024) unsigned char memory[];
  constexpr int kRows = 8 * kGroups, kShare = share(kGroups, kRanks), kActivationBytes = activation_bytes(kGroups);
  const int warp = warp_index(), lane = lane_index(), rank = blockIdx.x % kRanks;
  const int first_column = blockIdx.x / kRanks * kColumns, first_row = blockIdx.y * kRows;
  const int first_inner = rank * plan.pieces * kInner;
  const std::uint32_t b = shared_address(memory), a = b + plan.activations(), exchange = b + plan.exchange();
  const std::uint32_t full = b + plan.barriers(), empty = full + kMostPieces * 8, exchange_full = empty + kMostPieces * 8;

  if (warp == kMultiplying / kWarpLanes) {
    if (lane < plan.pieces) {
      create_barrier(full + lane * 8, 1);
      create_barrier(empty + lane * 8, kMultiplying / kWarpLanes);
    }
    if (lane == kMostPieces) create_barrier(exchange_full, 1);
    share_barriers();
    __syncwarp();
    if (lane < plan.pieces) {
      arrive_and_expect(full + lane * 8, kWeightBytes + kActivationBytes);
      copy_box(b + lane * kWeightBytes, &weights, first_column, first_inner + lane * kInner, full + lane * 8);
    }
    if (kRanks > 1 && lane == kMostPieces) {
      const int groups = min(kShare, kGroups - rank * kShare);
      arrive_and_expect(exchange_full, (kRanks - 1) * groups * kMultiplying * 16);
    }
    __syncwarp();
  }
  if (kRanks > 1) {
    asm volatile("barrier.cluster.arrive.relaxed.aligned;\nbarrier.cluster.wait.aligned;" ::: "memory");
  } else {
    __syncthreads();
  }
  const int column = first_column + warp * 16;
  float bias[2] = {};
  if (p.bias && warp < kMultiplying / kWarpLanes) {
    bias[0] = widen(p.bias[column + lane / 4]), bias[1] = widen(p.bias[column + lane / 4 + 8]);
  }
  pdl_wait();
  pdl_launch_dependents();

  if (warp == kMultiplying / kWarpLanes) {
    const auto copy_activations = [&](int piece) {
      copy_box(a + piece % plan.stages * kActivationBytes, &activations, first_inner + piece * kInner, first_row,
               full + piece * 8);
    };
    if (lane < plan.stages) copy_activations(lane);
    // The others in turn, each when there is room again. One lane does it alone: lanes that waited for room would do so
    // at one place, and those whose copies they wait for may not pass it.
    if (lane == 0) {
      for (int piece = plan.stages; piece < plan.pieces; ++piece) {
        wait_for_barrier(empty + (piece - plan.stages) * 8);
        copy_activations(piece);
      }
    }
    return;
  }

  // The part of C that this block will add, already on its way.
  const Lane at;
  const int first_group = rank * kShare;
  uint2 addend[kShare] = {};
  if (p.c.data) {
#pragma unroll
    for (int j = 0; j < kShare; ++j) {
      const int group = first_group + j, row = first_row + group * 8 + at.row;
      if (group >= kGroups || row >= p.rows) continue;
      addend[j] = *reinterpret_cast<const uint2*>(p.c.data + row * p.c.stride + column + at.column);
    }
  }

  float sums[kGroups][4];
  for (int piece = 0; piece < plan.pieces; ++piece) {
    wait_for_barrier(full + piece * 8);
    begin_products();
    const std::uint64_t left = describe(b + piece * kWeightBytes);
    const std::uint64_t right = describe(a + piece % plan.stages * kActivationBytes);
#pragma unroll
    for (int k = 0; k < kInner / 16; ++k)
      multiply_transposed(sums, left + k * (16 * kColumns * 2 / 16), right + k * 2, piece + k > 0);
    commit_products();
    if (piece > 0 && piece - 1 + plan.stages < plan.pieces) {
      wait_for_products</*kLater=*/1>();
      if (lane == 0) arrive(empty + (piece - 1) * 8);
    }
  }
  wait_for_products(sums);

  // The groups of rows that this block finishes. Every step is taken for all of them before the next, for none of the
  // instructions that move things between lanes may overtake another.
  float mine[kShare][4];
#pragma unroll
  for (int group = 0; group < kGroups; ++group) {
    if (group / kShare != rank) continue;
#pragma unroll
    for (int k = 0; k < 4; ++k) mine[group % kShare][k] = sums[group][k];
  }
  if constexpr (kRanks > 1) {
    const auto slot = [&](int from, int to, int group) {
      return ((from < to ? from : from - 1) * kShare + group) * kMultiplying * 16 + threadIdx.x * 16;
    };
#pragma unroll
    for (int group = 0; group < kGroups; ++group) {
      const int to = group / kShare;
      if (to != rank) send(at_rank(exchange + slot(rank, to, group % kShare), to), sums[group], at_rank(exchange_full, to));
    }
    wait_for_barrier(exchange_full);
#pragma unroll
    for (int j = 0; j < kShare; ++j) {
      float4 total;
#pragma unroll
      for (int from = 0; from < kRanks; ++from) {
        const float4 part = from == rank ? make_float4(mine[j][0], mine[j][1], mine[j][2], mine[j][3])
                                         : *reinterpret_cast<const float4*>(memory + plan.exchange() + slot(from, rank, j));
        total = from == 0 ? part : make_float4(total.x + part.x, total.y + part.y, total.z + part.z, total.w + part.w);
      }
      mine[j][0] = total.x, mine[j][1] = total.y, mine[j][2] = total.z, mine[j][3] = total.w;
    }
  }
  if (p.c.data) {
#pragma unroll
    for (int j = 0; j < kShare; ++j) addend[j] = at.swapped(addend[j]);
#pragma unroll
    for (int j = 0; j < kShare; ++j) {
      const std::uint32_t lower = transposed(addend[j].x), upper = transposed(addend[j].y);
      mine[j][0] += low_half(lower), mine[j][1] += high_half(lower);
      mine[j][2] += low_half(upper), mine[j][3] += high_half(upper);
    }
  }
#pragma unroll
  for (int j = 0; j < kShare; ++j) {
#pragma unroll
    for (int k = 0; k < 4; ++k) mine[j][k] += bias[k / 2];
  }
  if (p.epilogue == MatmulEpilogue::kBiasGelu) {
#pragma unroll
    for (int j = 0; j < kShare; ++j) {
#pragma unroll
      for (int k = 0; k < 4; ++k) mine[j][k] = gelu_fast(mine[j][k]);
    }
  }
  uint2 results[kShare];
#pragma unroll
  for (int j = 0; j < kShare; ++j) {
    results[j] = make_uint2(transposed(pack(mine[j][0], mine[j][1])), transposed(pack(mine[j][2], mine[j][3])));
  }
#pragma unroll
  for (int j = 0; j < kShare; ++j) results[j] = at.swapped(results[j]);
#pragma unroll
  for (int j = 0; j < kShare; ++j) {
    const int group = first_group + j, row = first_row + group * 8 + at.row;
    if (group >= kGroups || row >= p.rows) continue;
    *reinterpret_cast<uint2*>(p.d.data + row * p.d.stride + column + at.column) = results[j];
  }
#endif
}

using Encode = decltype(&cuTensorMapEncodeTiled);

Encode encode_function() {
  static const Encode encode = [] {
    void* found = nullptr;
    cudaDriverEntryPointQueryResult result{};
    const cudaError_t status =
        cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, 12000, cudaEnableDefault, &result);
    if (status != cudaSuccess || !found) throw Error("the CUDA driver has no cuTensorMapEncodeTiled");
    return reinterpret_cast<Encode>(found);
  }();
  return encode;
}

// A matrix [rows, columns] as boxes of 64 columns, 128 bytes, by box_rows rows.
CUtensorMap boxes(const Matrix<const Bf16>& matrix, std::int64_t rows, std::int64_t columns, int box_rows) {
  CUtensorMap map;
  const cuuint64_t sizes[2] = {static_cast<cuuint64_t>(columns), static_cast<cuuint64_t>(rows)};
  const cuuint64_t pitch[1] = {static_cast<cuuint64_t>(matrix.stride) * sizeof(Bf16)};
  const cuuint32_t box[2] = {64, static_cast<cuuint32_t>(box_rows)}, steps[2] = {1, 1};
  const CUresult result =
      encode_function()(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2, const_cast<Bf16*>(matrix.data), sizes, pitch, box,
                        steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                        CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS) throw Error("cuTensorMapEncodeTiled: error ", static_cast<int>(result));
  return map;
}

template <int kGroups, int kRanks>
void launch(const MatmulParams<Bf16, Bf16>& p, const Plan& plan, cudaStream_t stream) {
  constexpr int kRows = 8 * kGroups;
  const auto kernel = multiply_few<kGroups, kRanks>;
  allow_shared_memory(kernel, plan.bytes());
  const dim3 grid = grid_of(p.columns / kColumns * kRanks, ceil_div(p.rows, kRows));
  launch_clusters("matmul of few rows", kernel, kRanks, grid, kThreads, plan.bytes(), stream,
                  boxes(p.b, p.inner, p.columns, kInner), boxes(p.a, p.rows, p.inner, kRows), p, plan);
}

template <int kGroups>
void launch(const MatmulParams<Bf16, Bf16>& p, const Plan& plan, cudaStream_t stream) {
  switch (plan.ranks) {
    case 1:
      return launch<kGroups, 1>(p, plan, stream);
    case 2:
      return launch<kGroups, 2>(p, plan, stream);
    default:
      launch<kGroups, 4>(p, plan, stream);
  }
}

// But for whether there is a plan.
bool served(const MatmulParams<Bf16, Bf16>& p) {
  const bool plain = p.batch == 1 && !p.transpose_a && !p.transpose_b && p.weights_are_old &&
                     p.epilogue != MatmulEpilogue::kGeluSlope && !p.aux;
  return plain && p.rows <= kMostRows && p.columns % kColumns == 0 && p.inner % kInner == 0 &&
         vector_fits(p.a.data, p.a.stride, 8) && vector_fits(p.b.data, p.b.stride, 8) &&
         vector_fits(p.c.data, p.c.stride, 8) && vector_fits(p.d.data, p.d.stride, 8) && runs_hopper_code();
}

}  // namespace

bool skinny_gemm_cuda(const MatmulParams<Bf16, Bf16>& p, cudaStream_t stream) {
  if (!served(p)) return false;
  const Plan plan = plan_for(p.rows, p.columns, p.inner, multiprocessors(), largest_shared_memory());
  switch (plan.groups) {
    case 9:
      launch<9>(p, plan, stream);
      return true;
    case 13:
      launch<13>(p, plan, stream);
      return true;
    case 17:
      launch<17>(p, plan, stream);
      return true;
    default:
      return false;
  }
}

}  // namespace trecvit::kernels
