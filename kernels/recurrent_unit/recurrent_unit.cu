// A block of threads takes 16 rows of one block of the gates at a time. A thread owns 8 adjacent channels of one row:
// it convolves them, and holds their state and last three inputs in registers. What the threads share is the
// convolution's result, which is the left operand of both gates' products, and the logits, which leave the tensor cores
// in another order. Nothing between x, y and out touches device memory. Clips and single frames differ in the order of
// loops alone: of a clip a block takes its rows through all frames; of a frame it takes one piece of rows after the
// other, whose cells come while the ones before are calculated. The gates' matrices stay in shared memory for all
// frames and rows; but where every block has one piece of one frame, in the registers of the warps that multiply by
// them, so that the blocks fit beside those of the kernel in front and have everything but x and y when it ends.
#include "kernels/launch.h"
#include "kernels/recurrent_unit/recurrent_unit_cuda.h"
#include "kernels/tensor_cores.cuh"

namespace trecvit::kernels {
namespace {

constexpr int kRows = 16, kOwn = 8;  // rows of a block of threads, channels of a thread
constexpr int kWarpColumns = 32;     // of the logits of one gate, to a warp
constexpr int threads(int d) { return kRows * d / kOwn; }

template <int D>
struct Shared {
  static constexpr int kPitch = D + 8;
  unsigned char operand[kRows * D * 2];   // the convolution's result
  float logits[2][kRows][kPitch];         // with their bias
  float4 conv[kConvWidth + 1][2][D / 8];  // taps and bias; of a thread's channels the first and the last four
  float half_decay[D];                    // 4 softplus(a_param)
};

// A row's 16-byte chunks are permuted so that eight rows, read at the same chunk, lie in different banks. To the first
// column's offset, that of column 16 k is 32 k by exclusive or.
template <int D>
__device__ __forceinline__ int swizzled(int row, int chunk) {
  return row * D * 2 + (chunk ^ row % 8) * 16;
}

// A thread's bf16, in memory's order.
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
__device__ __forceinline__ Line rounded(const float (&v)[kOwn]) {
  return {make_uint4(pack(v[0], v[1]), pack(v[2], v[3]), pack(v[4], v[5]), pack(v[6], v[7]))};
}
__device__ __forceinline__ void store(const Line& line, Bf16* to) { *reinterpret_cast<uint4*>(to) = line.w; }

// The recurrence of one channel, rg_lru/params.h, with sigmoid(z) = (1 + tanh(z / 2)) / 2 and the hardware's tangent,
// which is within 2^-11: less than what rounding to bf16 does to logits that pass through memory. half_decay is
// 4 softplus(a_param), so that -log_a = 8 softplus(a_param) r = half_decay (1 + tanh(a_logit / 2)).
__device__ __forceinline__ float next_state(float h, float u, float input_logit, float a_logit, float half_decay,
                                            bool begins) {
  const float half_u = 0.5f * u, driven = fmaf(half_u, tanh_fast(0.5f * input_logit), half_u);
  const float minus_log_a = fmaf(half_decay, tanh_fast(0.5f * a_logit), half_decay),
              a = exp2_fast(-kLog2E * minus_log_a);
  const float m = sqrt_fast(tanh_fast(minus_log_a) * fmaf(a, a, 1.0f));  // tanh(v) = (1 - a^2) / (1 + a^2)
  return begins ? driven : fmaf(m, driven, a * h);
}

// A warp's right operand: 32 columns of one of the gates' matrices, [D in, D out]. Of four sums of 8 columns, those
// of lane l are at column(j, l % 4) and the next.
template <int D>
class GatesInShared {
 public:
  static constexpr int kBytes = 2 * D * D * 2;  // of shared memory, from a multiple of 128 bytes on
  static constexpr bool kOnePiece = false;

  // All threads copy both.
  __device__ __forceinline__ GatesInShared(const Bf16* input_gate, const Bf16* a_gate, bool second, int first_column,
                                           unsigned char* memory) {
    const std::uint32_t to = shared_address(memory);
    copy(input_gate, to);
    copy(a_gate, to + kBytes / 2);
    commit_copies();
    const int lane = lane_index();
    lane_address_ = to + (second ? kBytes / 2 : 0) + swizzled<D>(lane % 16, first_column / 8 + lane / 16);
  }
  __device__ __forceinline__ void wait() const { wait_for_copies<0>(); }
  static __device__ __forceinline__ int column(int j, int quarter) { return j * 8 + quarter * 2; }
  // By rows [16 k, 16 k + 16).
  __device__ __forceinline__ void multiply(float (&sums)[4][4], const Fragment& a, int k) const {
#pragma unroll
    for (int pair = 0; pair < 2; ++pair) {
      kernels::multiply(&sums[2 * pair], a, load_transposed((lane_address_ ^ pair * 32) + k * 32 * D));
    }
  }

 private:
  static __device__ __forceinline__ void copy(const Bf16* from, std::uint32_t to) {
    constexpr int kChunks = D / 8;
#pragma unroll 4
    for (int at = threadIdx.x; at < D * kChunks; at += threads(D)) {
      copy_async<16>(to + swizzled<D>(at / kChunks, at % kChunks), from + at * 8, true);
    }
  }

  std::uint32_t lane_address_;
};

template <int D>
class GatesInRegisters {
 public:
  static constexpr int kBytes = 0;
  static constexpr bool kOnePiece = true;

  // A lane reads 8 adjacent columns of every eighth row. That it has all of them is why its sums are adjacent too.
  __device__ __forceinline__ GatesInRegisters(const Bf16* input_gate, const Bf16* a_gate, bool second, int first_column,
                                              unsigned char*) {
    const int lane = lane_index();
    const Bf16* const from = (second ? a_gate : input_gate) + lane / 4 * D + first_column + lane % 4 * 8;
#pragma unroll
    for (int eight = 0; eight < D / 8; ++eight) {
      const uint4 row = *reinterpret_cast<const uint4*>(from + eight * 8 * D);
      const std::uint32_t pairs[4] = {row.x, row.y, row.z, row.w};
#pragma unroll
      for (int j = 0; j < 4; ++j) values_[eight / 2][j][eight % 2] = transposed(pairs[j]);
    }
  }
  __device__ __forceinline__ void wait() const {}
  static __device__ __forceinline__ int column(int j, int quarter) { return quarter * 8 + j * 2; }
  __device__ __forceinline__ void multiply(float (&sums)[4][4], const Fragment& a, int k) const {
#pragma unroll
    for (int j = 0; j < 4; ++j) kernels::multiply(sums[j], a, values_[k][j][0], values_[k][j][1]);
  }

 private:
  std::uint32_t values_[D / 16][4][2];
};

template <int D, class Gates>
class Unit {
 public:
  static constexpr int kChunks = D / kOwn;

  // Reads the parameters. `memory`: bytes() of shared memory.
  __device__ __forceinline__ Unit(const RecurrentUnitForward<Bf16>& p, unsigned char* memory)
      : p_(p),
        shared_(*reinterpret_cast<Shared<D>*>(memory + Gates::kBytes)),
        own_row_(threadIdx.x / kChunks),
        chunk_(threadIdx.x % kChunks),
        second_gate_(warp_index() / (D / kWarpColumns)),
        first_column_(warp_index() % (D / kWarpColumns) * kWarpColumns),
        gates_(p.input_gate + blockIdx.x * std::int64_t{D * D}, p.a_gate + blockIdx.x * std::int64_t{D * D},
               second_gate_, first_column_, memory) {
    const std::int64_t block = blockIdx.x;
    if (threadIdx.x < D) {
      const int c = threadIdx.x;
      const std::int64_t channel = block * D + c;
      const auto place = [&](int k) -> float& {
        return reinterpret_cast<float*>(&shared_.conv[k][c / 4 % 2][c / 8])[c % 4];
      };
#pragma unroll
      for (int k = 0; k < kConvWidth; ++k) place(k) = p.conv_w[k * p.channels + channel];
      place(kConvWidth) = p.conv_b[channel];
      shared_.half_decay[c] = 4.0f * softplus(p.a_param[channel]);
    }
    __syncthreads();
    if (!Gates::kOnePiece) load_wide(shared_.half_decay + chunk_ * kOwn, half_decay_);

    const int lane = lane_index();
    operand_lane_ = shared_address(shared_.operand) + swizzled<D>(lane % 16, lane / 16);
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      load_wide((second_gate_ ? p.a_bias : p.input_bias) + block * D + first_column_ + Gates::column(j, lane % 4),
                bias_[j]);
    }
  }
  static constexpr int bytes() { return Gates::kBytes + sizeof(Shared<D>); }

  __device__ __forceinline__ std::int64_t row(std::int64_t tile) const { return tile * kRows + own_row_; }
  __device__ __forceinline__ std::int64_t channel() const { return blockIdx.x * std::int64_t{D} + chunk_ * kOwn; }

  // The last three inputs, oldest first, whose line is `oldest`; and h.
  __device__ __forceinline__ void load_state(bool present, std::int64_t state_row, int oldest,
                                             Line (&past)[kConvState], float (&h)[kOwn]) const {
#pragma unroll
    for (int k = 0; k < kOwn; ++k) h[k] = 0;
    if (present && p_.h0) load_wide(p_.h0 + state_row * p_.channels + channel(), h);
#pragma unroll
    for (int k = 0; k < kConvState; ++k) {
      past[k] = load_or_zeros(p_.conv_state + conv_place(state_row, conv_line(oldest, k)), present && p_.conv_state);
    }
  }
  __device__ __forceinline__ void store_conv(std::int64_t state_row, int line, const Line& input) const {
    store(input, p_.conv_state_out + conv_place(state_row, line));
  }
  __device__ __forceinline__ void store_h(std::int64_t state_row, const float (&h)[kOwn]) const {
    store_wide(h, p_.h_last + state_row * p_.channels + channel());
  }

  // The taps stay in registers between calls where the compiler finds room.
  struct Taps {
    float w[kConvWidth][kOwn], bias[kOwn];
  };
  __device__ __forceinline__ Taps taps() const {
    Taps t;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int k = 0; k <= kConvWidth; ++k) {
        const float4 four = shared_.conv[k][half][chunk_];
        float* const to = (k < kConvWidth ? t.w[k] : t.bias) + 4 * half;
        to[0] = four.x, to[1] = four.y, to[2] = four.z, to[3] = four.w;
      }
    }
    return t;
  }

  // Convolves, and leaves the result to the products.
  __device__ __forceinline__ Line convolve(const Taps& taps, const Line (&past)[kConvState], const Line& x) const {
    float sum[kOwn];
#pragma unroll
    for (int k = 0; k < kOwn; ++k) {
      const float recent = fmaf(taps.w[2][k], past[2][k], fmaf(taps.w[3][k], x[k], taps.bias[k]));
      sum[k] = fmaf(taps.w[0][k], past[0][k], fmaf(taps.w[1][k], past[1][k], recent));
    }
    const Line u = rounded(sum);
    *reinterpret_cast<uint4*>(shared_.operand + swizzled<D>(own_row_, chunk_)) = u.w;
    return u;
  }

  // All threads' products: 16 rows by 32 columns of one gate to a warp, in four pieces of 8.
  __device__ __forceinline__ void multiply_gates() const {
    gates_.wait();
    __syncthreads();
    float sums[4][4];
#pragma unroll
    for (int j = 0; j < 4; ++j) sums[j][0] = sums[j][2] = bias_[j][0], sums[j][1] = sums[j][3] = bias_[j][1];
#pragma unroll
    for (int k = 0; k < D / 16; ++k) gates_.multiply(sums, load_matrices(operand_lane_ ^ k * 32), k);
    const int lane = lane_index();
#pragma unroll
    for (int j = 0; j < 4; ++j) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float2 two = make_float2(sums[j][2 * half], sums[j][2 * half + 1]);
        const int column = first_column_ + Gates::column(j, lane % 4);
        *reinterpret_cast<float2*>(&shared_.logits[second_gate_][lane / 4 + 8 * half][column]) = two;
      }
    }
    __syncthreads();
  }

  // The state's next value, and the frame's result.
  __device__ __forceinline__ Line advance(float (&h)[kOwn], const Line& u, const Line& y, bool begins) {
    if (Gates::kOnePiece) load_wide(shared_.half_decay + chunk_ * kOwn, half_decay_);
    float logits[2][kOwn], result[kOwn];
    load_wide(&shared_.logits[0][own_row_][chunk_ * kOwn], logits[0]);
    load_wide(&shared_.logits[1][own_row_][chunk_ * kOwn], logits[1]);
#pragma unroll
    for (int k = 0; k < kOwn; ++k) {
      h[k] = next_state(h[k], u[k], logits[0][k], logits[1][k], half_decay_[k], begins);
      result[k] = h[k] * gelu_fast(y[k]);
    }
    return rounded(result);
  }

 private:
  __device__ __forceinline__ std::int64_t conv_place(std::int64_t state_row, int line) const {
    return (state_row * kConvState + line) * p_.channels + channel();
  }

  const RecurrentUnitForward<Bf16>& p_;
  Shared<D>& shared_;
  int own_row_, chunk_;
  int second_gate_, first_column_;  // what the thread's warp multiplies by
  Gates gates_;
  std::uint32_t operand_lane_;
  float half_decay_[kOwn], bias_[4][2];
};

template <int D>
__global__ __launch_bounds__(threads(D), 256 / D) void clip(const RecurrentUnitForward<Bf16> p) {
  extern __shared__ __align__(128) unsigned char memory[];
  Unit<D, GatesInShared<D>> unit(p, memory);
  const auto taps = unit.taps();
  pdl_wait();
  pdl_launch_dependents();
  const std::int64_t tiles = ceil_div(p.rows, kRows), frame = p.rows * p.stride;
  for (std::int64_t tile = blockIdx.y; tile < tiles; tile += gridDim.y) {
    const std::int64_t row = unit.row(tile);
    const bool present = row < p.rows;
    Line past[kConvState];
    float h[kOwn];
    const std::int64_t state_row = present ? p.streams.state_row(row) : 0;
    unit.load_state(present, state_row, present ? p.streams.oldest_line(row, kConvState) : 0, past, h);
    const Bf16 *x_line = p.x + row * p.stride + unit.channel(), *y_line = p.y + row * p.stride + unit.channel();
    Line x = load_or_zeros(x_line, present);
    for (int t = 0; t < static_cast<int>(p.frames); ++t) {
      const std::int64_t line = t * p.rows + row;
      const bool begins = p.reset && present && p.reset[line];
      const Line y = load_or_zeros(y_line, present), u = unit.convolve(taps, past, x);
      past[0] = past[1], past[1] = past[2], past[2] = x;
      x_line += frame, y_line += frame;
      x = load_or_zeros(x_line, present && t + 1 < static_cast<int>(p.frames));
      unit.multiply_gates();
      const Line out = unit.advance(h, u, y, begins);
      if (present) store(out, p.out + line * p.channels + unit.channel());
    }
    if (!present) continue;
    unit.store_h(state_row, h);
    const int oldest = p.streams.oldest_line(row, kConvState, p.frames);
#pragma unroll
    for (int k = 0; k < kConvState; ++k) unit.store_conv(state_row, conv_line(oldest, k), past[k]);
  }
}

template <int D, class Gates>
__global__ __launch_bounds__(threads(D), 256 / D) void frame(const RecurrentUnitForward<Bf16> p) {
  extern __shared__ __align__(128) unsigned char memory[];
  Unit<D, Gates> unit(p, memory);
  const std::int64_t tiles = ceil_div(p.rows, kRows);
  std::int64_t row = unit.row(blockIdx.y), state_row;
  Line past[kConvState], x, y;
  float h[kOwn];
  bool begins;
  int oldest;
  const auto load_state = [&] {
    const bool present = row < p.rows;
    state_row = present ? p.streams.state_row(row) : 0;
    oldest = present ? p.streams.oldest_line(row, kConvState) : 0;
    unit.load_state(present, state_row, oldest, past, h);
  };
  load_state();
  pdl_wait();
  pdl_launch_dependents();
  const auto load_inputs = [&] {
    const bool present = row < p.rows;
    x = load_or_zeros(p.x + row * p.stride + unit.channel(), present);
    y = load_or_zeros(p.y + row * p.stride + unit.channel(), present);
    begins = p.reset && present && p.reset[row];
  };
  load_inputs();
  for (std::int64_t tile = blockIdx.y; tile < tiles; tile += gridDim.y) {
    const std::int64_t here = row, state_here = state_row;
    const bool present = here < p.rows, begins_here = begins;
    const Line u = unit.convolve(unit.taps(), past, x), gating = y;
    if (present && p.streams.frames_before) {
      unit.store_conv(state_here, oldest, x);
    } else if (present) {
      unit.store_conv(state_here, 0, past[1]);
      unit.store_conv(state_here, 1, past[2]);
      unit.store_conv(state_here, 2, x);
    }
    float state[kOwn];
#pragma unroll
    for (int k = 0; k < kOwn; ++k) state[k] = h[k];
    if (!Gates::kOnePiece && tile + gridDim.y < tiles) {
      row = unit.row(tile + gridDim.y);
      load_inputs();
      load_state();
    }
    unit.multiply_gates();
    const Line out = unit.advance(state, u, gating, begins_here);
    if (present) {
      store(out, p.out + here * p.channels + unit.channel());
      unit.store_h(state_here, state);
    }
    if (Gates::kOnePiece) return;
  }
}

template <int D>
void launch(const RecurrentUnitForward<Bf16>& p, cudaStream_t stream) {
  // Blocks of threads stay and keep their gates: no more than run at once, and none with less to do than another.
  const std::int64_t tiles = ceil_div(p.rows, kRows), at_once = multiprocessors() * (256 / D) / p.blocks;
  const std::int64_t turns = ceil_div(tiles, std::max<std::int64_t>(at_once, 1));
  const dim3 grid = grid_of(p.blocks, ceil_div(tiles, turns));
  frame_count(p.frames);
  const auto run = [&](auto kernel, int bytes) {
    allow_shared_memory(kernel, bytes);
    launch_dependent("recurrent_unit forward", kernel, grid, threads(D), bytes, stream, p);
  };
  using InShared = GatesInShared<D>;
  using InRegisters = GatesInRegisters<D>;
  if (p.frames > 1) return run(clip<D>, Unit<D, InShared>::bytes());
  turns > 1 ? run(frame<D, InShared>, Unit<D, InShared>::bytes())
            : run(frame<D, InRegisters>, Unit<D, InRegisters>::bytes());
}

// Whether everything that is moved 16 bytes at a time may be. Rows of R are whole vectors; what is still null is
// checked by whoever allocates it.
bool fits(const RecurrentUnitForward<Bf16>& p) {
  bool good = vector_fits(p.x, p.stride, 8) && vector_fits(p.y, p.stride, 8);
  for (const Bf16* pointer : {p.input_gate, p.a_gate, p.conv_state, static_cast<const Bf16*>(p.conv_state_out),
                              static_cast<const Bf16*>(p.out)}) {
    good = good && vector_fits(pointer, 8, 8);
  }
  for (const float* pointer : {p.input_bias, p.a_bias, p.h0, static_cast<const float*>(p.h_last)}) {
    good = good && vector_fits(pointer, 4, 4);
  }
  return good;
}

}  // namespace

bool recurrent_unit_served_cuda(const RecurrentUnitForward<Bf16>& p) {
  const std::int64_t d = p.channels / p.blocks;
  return architecture() >= 80 && (d == 64 || d == 128) && fits(p);
}

bool recurrent_unit_pays_cuda(const RecurrentUnitForward<Bf16>& p) {
  return p.frames == 1 || ceil_div(p.rows, kRows) * p.blocks >= 4 * multiprocessors();
}

void recurrent_unit_forward_cuda(const RecurrentUnitForward<Bf16>& p, cudaStream_t stream) {
  p.channels / p.blocks == 64 ? launch<64>(p, stream) : launch<128>(p, stream);
}

}  // namespace trecvit::kernels
