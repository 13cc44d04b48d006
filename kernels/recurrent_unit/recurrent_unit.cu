// One block of threads takes 32 rows of one block of the gates through all frames. A warp owns 32 of its D channels: for
// those it convolves, and for those it holds the state and the last three inputs in registers. What must be shared is the
// convolution's result, the left operand of both gates' products, and their matrices, which stay in shared memory.
// Nothing between x, y and out touches device memory.
#include "kernels/causal_conv1d/params.h"
#include "kernels/launch.h"
#include "kernels/recurrent_unit/recurrent_unit_cuda.h"
#include "kernels/rg_lru/device.cuh"
#include "kernels/tensor_cores.cuh"

namespace trecvit::kernels {
namespace {

constexpr int kTileRows = 32, kWarpChannels = 32, kLaneChannels = 8;
constexpr int kLaneRows = 4;  // of the tile: l / 4 + 8 k

// Where lies what of a row of 16-byte chunks in shared memory: eight rows, read at the same chunk, lie in different
// banks, and so do the chunks that a quarter of a warp writes, four of each of two rows.
template <int D>
__device__ __forceinline__ int swizzled(int row, int chunk) {
  return row * D * 2 + (chunk ^ (row % 2 * 4 | row / 2 % 4)) * 16;
}

// Parameters of the D channels in shared memory, each an array.
enum Parameter { kTap0, kTap1, kTap2, kTap3, kConvBias, kInputBias, kABias, kDecay, kParameters };

template <int D>
struct Shared {
  static constexpr int kGate = D * D * 2, kOperand = kTileRows * D * 2;
  unsigned char gates[2][kGate];        // input_gate, a_gate
  unsigned char operands[2][kOperand];  // of even and odd frames: one barrier a frame
  float parameters[kParameters][D];
};

// Eight bf16 in memory's order.
struct Line {
  uint4 w;
  __device__ __forceinline__ float operator[](int k) const {
    const std::uint32_t word = k / 2 == 0 ? w.x : k / 2 == 1 ? w.y : k / 2 == 2 ? w.z : w.w;
    return k % 2 ? high_half(word) : low_half(word);
  }
};
__device__ __forceinline__ Line load_or_zeros(const Bf16* from, bool present) {
  return {present ? *reinterpret_cast<const uint4*>(from) : make_uint4(0, 0, 0, 0)};
}
__device__ __forceinline__ void store(const Line& line, Bf16* to) { *reinterpret_cast<uint4*>(to) = line.w; }

// A matrix [D, D] of the gates. A lane's accumulators of the four pieces of 8 columns are columns 2 q and 2 q + 1 of
// each (q = l % 4), and shall be the eight adjacent channels 8 q ... 8 q + 7 of the warp's 32: so channel 8 q + 2 j + e
// takes the place of column 2 q + e in piece j.
template <int D>
__device__ __forceinline__ void load_gate(const Bf16* from, unsigned char* to) {
  constexpr int kChunks = D / 8;
#pragma unroll 8
  for (int at = threadIdx.x; at < D * kChunks; at += D) {
    const int row = at / kChunks, chunk = at % kChunks, first = chunk / 4 * 4, q = chunk % 4;
    const uint4 eight = *reinterpret_cast<const uint4*>(from + row * D + chunk * 8);
    const std::uint32_t pairs[4] = {eight.x, eight.y, eight.z, eight.w};
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      *reinterpret_cast<std::uint32_t*>(to + swizzled<D>(row, first + j) + q * 4) = pairs[j];
    }
  }
}

template <int D>
__device__ __forceinline__ void load_parameters(const RecurrentUnitForward<Bf16>& p, std::int64_t block,
                                                float (&to)[kParameters][D]) {
  const std::int64_t c = threadIdx.x, channel = block * D + c;
#pragma unroll
  for (int k = 0; k < 4; ++k) to[kTap0 + k][c] = p.conv_w[k * p.channels + channel];
  to[kConvBias][c] = p.conv_b[channel];
  to[kInputBias][c] = p.input_bias[channel];
  to[kABias][c] = -kLog2E * p.a_bias[channel];
  to[kDecay][c] = -8.0f * softplus(p.a_param[channel]);
}

// sigmoid by the hardware's tangent, whose error of 2^-12 is below what rounding to bf16 does to the product that takes
// it. The gate of the exponent is not one: it gets the exact one.
__device__ __forceinline__ float logistic_fast(float v) { return fmaf(0.5f, tanh_fast(0.5f * v), 0.5f); }
__device__ __forceinline__ float gelu_fast(float y) {
  constexpr float kInner = 0.7978845608028654f, kCubic = 0.044715f;
  return 0.5f * y * (1.0f + tanh_fast(y * fmaf(kInner * kCubic, y * y, kInner)));
}

template <int D>
__global__ __launch_bounds__(D, 256 / D) void forward(const RecurrentUnitForward<Bf16> p) {
  extern __shared__ __align__(128) unsigned char memory[];
  auto& shared = *reinterpret_cast<Shared<D>*>(memory);
  const int lane = lane_index(), warp = warp_index();
  const int own = warp * kWarpChannels + lane % 4 * kLaneChannels;  // first channel within the block
  const std::int64_t block = blockIdx.x, channels = p.channels, channel = block * D + own;
  const std::int64_t tiles = ceil_div(p.rows, kTileRows);

  load_gate<D>(p.input_gate + block * D * D, shared.gates[0]);
  load_gate<D>(p.a_gate + block * D * D, shared.gates[1]);
  load_parameters<D>(p, block, shared.parameters);
  __syncthreads();

  // Lanes' addresses for ldmatrix: the left operand [rows, k], and the gates [k, columns].
  const std::uint32_t operands = shared_address(shared.operands), gates = shared_address(shared.gates);

  bool waited = false;
  int parity = 0;
  for (std::int64_t tile = blockIdx.y; tile < tiles; tile += gridDim.y) {
    const std::int64_t first = tile * kTileRows + lane / 4;                       // of the lane's rows
    const int left = static_cast<int>(min(p.rows - first, std::int64_t{kTileRows}));  // row 8 k is there if below this
    const std::int64_t cell = first * channels + channel;
    float h[kLaneRows][kLaneChannels];
    Line past[kLaneRows][kConvState];  // oldest first
#pragma unroll
    for (int k = 0; k < kLaneRows; ++k) {
      const bool present = 8 * k < left;
      const Bf16* const state = p.conv_state + (first + 8 * k) * kConvState * channels + channel;
#pragma unroll
      for (int j = 0; j < kConvState; ++j) past[k][j] = load_or_zeros(state + j * channels, present && p.conv_state);
#pragma unroll
      for (int c = 0; c < kLaneChannels; ++c) h[k][c] = 0;
      if (present && p.h0) load_wide(p.h0 + cell + 8 * k * channels, h[k]);
    }
    if (!waited) {
      wait_for_previous();
      let_next_start();
      waited = true;
    }

    const Bf16 *x_line = p.x + first * p.stride + channel, *y_line = p.y + first * p.stride + channel;
    Bf16* out_line = p.out + cell;
    const std::uint8_t* reset = p.reset ? p.reset + first : nullptr;
    const int row_step = 8 * static_cast<int>(p.stride);
    Line x[kLaneRows];
#pragma unroll
    for (int k = 0; k < kLaneRows; ++k) x[k] = load_or_zeros(x_line + k * row_step, 8 * k < left);

    for (int t = 0; t < static_cast<int>(p.frames); ++t, parity ^= 1) {
      Line y[kLaneRows], u[kLaneRows];
      bool begins[kLaneRows];
#pragma unroll
      for (int k = 0; k < kLaneRows; ++k) {
        y[k] = load_or_zeros(y_line + k * row_step, 8 * k < left);
        begins[k] = reset && 8 * k < left && reset[8 * k];
      }
      x_line += p.rows * p.stride, y_line += p.rows * p.stride;
      if (reset) reset += p.rows;

      {
        float w[kConvWidth][kLaneChannels], bias[kLaneChannels];
#pragma unroll
        for (int k = 0; k < kConvWidth; ++k) load_wide(&shared.parameters[kTap0 + k][own], w[k]);
        load_wide(&shared.parameters[kConvBias][own], bias);
#pragma unroll
        for (int k = 0; k < kLaneRows; ++k) {
          float sum[kLaneChannels];
#pragma unroll
          for (int c = 0; c < kLaneChannels; ++c) {
            sum[c] = fmaf(w[0][c], past[k][0][c],
                          fmaf(w[1][c], past[k][1][c], fmaf(w[2][c], past[k][2][c], fmaf(w[3][c], x[k][c], bias[c]))));
          }
          u[k].w = make_uint4(pack(sum[0], sum[1]), pack(sum[2], sum[3]), pack(sum[4], sum[5]), pack(sum[6], sum[7]));
          *reinterpret_cast<uint4*>(shared.operands[parity] + swizzled<D>(lane / 4 + 8 * k, own / 8)) = u[k].w;
          past[k][0] = past[k][1], past[k][1] = past[k][2], past[k][2] = x[k];
          x[k] = load_or_zeros(x_line + k * row_step, 8 * k < left && t + 1 < static_cast<int>(p.frames));
        }
      }
      __syncthreads();

      float logits[2][2][4][4];  // gate; half of the rows; piece of 8 columns; as the accumulators lie
#pragma unroll
      for (int k = 0; k < D / 16; ++k) {
        Fragment operand[2];
#pragma unroll
        for (int m = 0; m < 2; ++m) {
          operand[m] = load_matrices(operands + parity * Shared<D>::kOperand +
                                     swizzled<D>(m * 16 + lane % 16, 2 * k + lane / 16));
        }
#pragma unroll
        for (int gate = 0; gate < 2; ++gate) {
#pragma unroll
          for (int pair = 0; pair < 2; ++pair) {
            const Fragment w = load_transposed(gates + gate * Shared<D>::kGate +
                                               swizzled<D>(16 * k + lane % 16, warp * 4 + pair * 2 + lane / 16));
#pragma unroll
            for (int m = 0; m < 2; ++m) multiply(&logits[gate][m][2 * pair], operand[m], w, k == 0);
          }
        }
      }

      float input_bias[kLaneChannels], a_bias[kLaneChannels], decay[kLaneChannels];
      load_wide(&shared.parameters[kInputBias][own], input_bias);
      load_wide(&shared.parameters[kABias][own], a_bias);
      load_wide(&shared.parameters[kDecay][own], decay);
#pragma unroll
      for (int k = 0; k < kLaneRows; ++k) {
        float out[kLaneChannels];
#pragma unroll
        for (int c = 0; c < kLaneChannels; ++c) {
          const int at = k % 2 * 2 + c % 2;
          const float i = logistic_fast(logits[0][k / 2][c / 2][at] + input_bias[c]);
          const float r = logistic2(fmaf(logits[1][k / 2][c / 2][at], -kLog2E, a_bias[c]));
          const DecayedState d = decayed<Bf16>(decay[c] * r);
          const float drive = i * u[k][c];
          h[k][c] = begins[k] ? drive : fmaf(d.a, h[k][c], sqrt_fast(d.u) * drive);
          out[c] = h[k][c] * gelu_fast(y[k][c]);
        }
        if (8 * k < left) store_line(out, out_line + 8 * k * channels);
      }
      out_line += p.rows * channels;
    }

#pragma unroll
    for (int k = 0; k < kLaneRows; ++k) {
      if (8 * k >= left) continue;
      store_wide(h[k], p.h_last + cell + 8 * k * channels);
      Bf16* const state = p.conv_state_out + (first + 8 * k) * kConvState * channels + channel;
#pragma unroll
      for (int j = 0; j < kConvState; ++j) store(past[k][j], state + j * channels);
    }
  }
  if (!waited) wait_for_previous();
}

template <int D>
void launch(const RecurrentUnitForward<Bf16>& p, cudaStream_t stream) {
  constexpr int kBytes = sizeof(Shared<D>);
  allow_shared_memory(forward<D>, kBytes);
  // Blocks of threads that stay keep their gates: no more than run at once, and not one with less to do than another.
  const std::int64_t tiles = ceil_div(p.rows, kTileRows), at_once = multiprocessors() * (256 / D) / p.blocks;
  const std::int64_t turns = ceil_div(tiles, std::max<std::int64_t>(at_once, 1));
  const dim3 grid(static_cast<unsigned>(p.blocks), static_cast<unsigned>(ceil_div(tiles, turns)));
  launch_dependent("recurrent_unit forward", forward<D>, grid, D, kBytes, stream, p);
}

}  // namespace

bool recurrent_unit_served_cuda(const RecurrentUnitForward<Bf16>& p) {
  const std::int64_t d = p.channels / p.blocks;
  return architecture() >= 80 && (d == 64 || d == 128) && vector_fits(p.x, p.stride, 8) && vector_fits(p.y, p.stride, 8);
}

bool recurrent_unit_pays_cuda(const RecurrentUnitForward<Bf16>& p) {
  return p.frames == 1 || ceil_div(p.rows, kTileRows) * p.blocks >= 2 * multiprocessors();
}

void recurrent_unit_forward_cuda(const RecurrentUnitForward<Bf16>& p, cudaStream_t stream) {
  p.channels / p.blocks == 64 ? launch<64>(p, stream) : launch<128>(p, stream);
}

}  // namespace trecvit::kernels
