// Vectorised forgetting attention. A pair of tiles is worked on in fp32 buffers that stay in cache: logits of one query
// against 64 keys are vectors over the keys, sums of values vectors over D.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/forgetting_attention/forgetting_attention.h"
#include "kernels/vector_math.h"

namespace trecvit::kernels {
namespace {

constexpr std::int64_t kTile = kForgettingTile;

// to[i][d] = factor * line first + i, of `present` ones; the rest of the tile is zeros.
template <class Io>
[[gnu::always_inline]] inline void load_lines(const Io* from, std::int64_t step, std::int64_t present, std::int64_t d,
                                              float factor, float* __restrict to) {
  for (std::int64_t i = 0; i < present; ++i) {
    for (std::int64_t e = 0; e < d; ++e) to[i * d + e] = factor * widen(from[i * step + e]);
  }
  std::fill(to + present * d, to + kTile * d, 0.0f);
}

template <class Io>
[[gnu::always_inline]] inline void store_lines(const float* __restrict from, std::int64_t count, std::int64_t d,
                                               float factor, Io* to, std::int64_t step) {
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t e = 0; e < d; ++e) narrow(factor * from[i * d + e], to[i * step + e]);
  }
}

// to[e][j] = from[j][e]
[[gnu::always_inline]] inline void transpose(const float* __restrict from, std::int64_t d, float* __restrict to) {
  for (std::int64_t e = 0; e < d; ++e) {
    for (std::int64_t j = 0; j < kTile; ++j) to[e * kTile + j] = from[j * d + e];
  }
}

// sums[j] += sum over e of line[e] columns[e][j]
[[gnu::always_inline]] inline void add_products(const float* __restrict line, const float* __restrict columns,
                                                std::int64_t d, float* __restrict sums) {
  std::int64_t e = 0;
  for (; e + 4 <= d; e += 4) {
    const float* c = columns + e * kTile;
    const float a = line[e], b = line[e + 1], f = line[e + 2], g = line[e + 3];
    for (std::int64_t j = 0; j < kTile; ++j) {
      sums[j] += a * c[j] + b * c[kTile + j] + f * c[2 * kTile + j] + g * c[3 * kTile + j];
    }
  }
  for (; e < d; ++e) {
    for (std::int64_t j = 0; j < kTile; ++j) sums[j] += line[e] * columns[e * kTile + j];
  }
}

// sums[e] += sum over i of weights[i * step] lines[i][e]
[[gnu::always_inline]] inline void add_lines(const float* __restrict weights, std::int64_t step, std::int64_t count,
                                             const float* __restrict lines, std::int64_t d, float* __restrict sums) {
  std::int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const float* l = lines + i * d;
    const float a = weights[i * step], b = weights[(i + 1) * step], f = weights[(i + 2) * step],
                g = weights[(i + 3) * step];
    for (std::int64_t e = 0; e < d; ++e) sums[e] += a * l[e] + b * l[d + e] + f * l[2 * d + e] + g * l[3 * d + e];
  }
  for (; i < count; ++i) {
    for (std::int64_t e = 0; e < d; ++e) sums[e] += weights[i * step] * lines[i * d + e];
  }
}

// Where the lines of one cell are.
template <class Io>
struct Cell {
  const ForgettingAttentionInputs<Io>& p;
  std::int64_t row, head;
  const double* c;  // [N]

  Cell(const ForgettingAttentionInputs<Io>& p, std::int64_t cell)
      : p(p), row(cell / p.heads), head(cell % p.heads), c(static_cast<const double*>(p.decays) + cell * p.keys) {}

  template <class T>
  T* line(T* lines, std::int64_t t, std::int64_t stride) const {
    return lines + (t * p.rows + row) * stride + head * p.head_width;
  }
  std::int64_t queries_of(std::int64_t tile) const { return std::min(kTile, p.queries - tile * kTile); }
  std::int64_t keys_of(std::int64_t tile) const { return std::min(kTile, p.keys - tile * kTile); }
  double first_c(std::int64_t query_tile) const { return c[p.position(query_tile * kTile)]; }
  bool kept(std::int64_t query_tile, std::int64_t key_tile) const {
    return !(first_c(query_tile) - c[key_tile * kTile + keys_of(key_tile) - 1] < p.threshold);
  }
  std::int64_t diagonal(std::int64_t query_tile) const {
    return p.position(query_tile * kTile + queries_of(query_tile) - 1) / kTile;
  }
  // D from the query tile's first position to the keys of a tile.
  [[gnu::always_inline]] void decays(std::int64_t query_tile, std::int64_t key_tile, float* __restrict to) const {
    const double first = first_c(query_tile);
    const std::int64_t count = keys_of(key_tile);
    for (std::int64_t j = 0; j < count; ++j) to[j] = static_cast<float>(first - c[key_tile * kTile + j]);
    for (std::int64_t j = count; j < kTile; ++j) to[j] = 0;
  }
  // Keys of the tile that a query may see.
  std::int64_t visible_keys(std::int64_t query, std::int64_t key_tile) const {
    return std::clamp<std::int64_t>(p.position(query) + 1 - key_tile * kTile, 0, kTile);
  }
};

struct ForwardTiles {
  template <class Io>
  [[gnu::always_inline]] static inline void item(const ForgettingAttentionForward<Io>& p, std::int64_t index,
                                                 std::vector<float>& room) {
    const std::int64_t d = p.head_width, m = index % p.query_tiles();
    const Cell<Io> cell(p, index / p.query_tiles());
    float* q = room.data();
    float *k = q + kTile * d, *v = k + kTile * d, *columns = v + kTile * d, *sums = columns + kTile * d;
    alignas(64) float decays[kTile], s[kTile], largest[kTile], total[kTile];
    const std::int64_t count = cell.queries_of(m);
    load_lines(cell.line(p.q, m * kTile, p.q_stride), p.rows * p.q_stride, count, d,
               1.0f / std::sqrt(static_cast<float>(d)), q);
    std::fill_n(sums, kTile * d, 0.0f);
    std::fill_n(largest, kTile, -INFINITY), std::fill_n(total, kTile, 0.0f);
    for (std::int64_t n = cell.diagonal(m); n >= 0 && cell.kept(m, n); --n) {
      const std::int64_t keys = cell.keys_of(n);
      load_lines(cell.line(p.k, n * kTile, p.k_stride), p.rows * p.k_stride, keys, d, 1.0f, k);
      load_lines(cell.line(p.v, n * kTile, p.v_stride), p.rows * p.v_stride, keys, d, 1.0f, v);
      transpose(k, d, columns);
      cell.decays(m, n, decays);
      for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t visible = cell.visible_keys(m * kTile + i, n);
        if (visible == 0) continue;
        for (std::int64_t j = 0; j < kTile; ++j) s[j] = decays[j];
        add_products(q + i * d, columns, d, s);
        float most = largest[i];
        for (std::int64_t j = 0; j < visible; ++j) most = s[j] > most ? s[j] : most;
        const float correction = largest[i] == most ? 1.0f : fast_exp(largest[i] - most);
        for (std::int64_t j = 0; j < kTile; ++j) s[j] = fast_exp(s[j] - most);
        float sum = 0;
        for (std::int64_t j = 0; j < visible; ++j) sum += s[j];
        total[i] = total[i] * correction + sum, largest[i] = most;
        if (correction != 1.0f) {
          for (std::int64_t e = 0; e < d; ++e) sums[i * d + e] *= correction;
        }
        add_lines(s, 1, visible, v, d, sums + i * d);
      }
    }
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t query = m * kTile + i;
      store_lines(sums + i * d, 1, d, 1.0f / total[i], cell.line(p.out, query, p.heads * d), d);
      if (!p.lse) continue;
      const double decay = cell.c[p.position(query)] - cell.first_c(m);
      p.lse[index / p.query_tiles() * p.queries + query] =
          static_cast<float>(largest[i] + std::log(static_cast<double>(total[i])) + decay);
    }
  }

  template <class Io>
  [[gnu::always_inline]] static inline void run(const ForgettingAttentionForward<Io>& p, std::int64_t begin,
                                                std::int64_t end) {
    std::vector<float> room(5 * kTile * p.head_width);
    for (std::int64_t index = begin; index < end; ++index) item(p, index, room);
  }
};

// One pass over the kept pairs of tiles of a cell: the sums for its keys wait until all query tiles are done.
struct BackwardCells {
  template <class Io>
  [[gnu::always_inline]] static inline void cell(const ForgettingAttentionBackward<Io>& p, std::int64_t index,
                                                 std::vector<float>& room, std::vector<double>& dc) {
    const std::int64_t d = p.head_width, padded = p.key_tiles() * kTile;
    const float scale = 1.0f / std::sqrt(static_cast<float>(d));
    const Cell<Io> cell(p, index);
    float* q = room.data();
    float *dout = q + kTile * d, *k = dout + kTile * d, *v = k + kTile * d, *k_columns = v + kTile * d;
    float *v_columns = k_columns + kTile * d, *dq = v_columns + kTile * d, *weights = dq + kTile * d;
    float *dlogits = weights + kTile * kTile, *dk = dlogits + kTile * kTile, *dv = dk + padded * d;
    alignas(64) float decays[kTile], lse[kTile], delta[kTile];
    std::fill_n(dk, 2 * padded * d, 0.0f);
    std::fill(dc.begin(), dc.end(), 0.0);
    for (std::int64_t m = 0; m < p.query_tiles(); ++m) {
      const std::int64_t count = cell.queries_of(m), first = m * kTile;
      load_lines(cell.line(p.q, first, p.q_stride), p.rows * p.q_stride, count, d, scale, q);
      load_lines(cell.line(p.dout, first, p.heads * d), p.rows * p.heads * d, count, d, 1.0f, dout);
      for (std::int64_t i = 0; i < count; ++i) {
        const Io* out = cell.line(p.out, first + i, p.heads * d);
        double sum = 0;
        for (std::int64_t e = 0; e < d; ++e) sum += static_cast<double>(dout[i * d + e]) * widen(out[e]);
        delta[i] = static_cast<float>(sum);
        const double decay = cell.c[p.position(first + i)] - cell.first_c(m);
        lse[i] = static_cast<float>(p.lse[index * p.queries + first + i] - decay);
      }
      std::fill_n(dq, kTile * d, 0.0f);
      for (std::int64_t n = cell.diagonal(m); n >= 0 && cell.kept(m, n); --n) {
        const std::int64_t keys = cell.keys_of(n);
        load_lines(cell.line(p.k, n * kTile, p.k_stride), p.rows * p.k_stride, keys, d, 1.0f, k);
        load_lines(cell.line(p.v, n * kTile, p.v_stride), p.rows * p.v_stride, keys, d, 1.0f, v);
        transpose(k, d, k_columns), transpose(v, d, v_columns);
        cell.decays(m, n, decays);
        for (std::int64_t i = 0; i < count; ++i) {
          float *s = weights + i * kTile, *ds = dlogits + i * kTile;
          const std::int64_t visible = cell.visible_keys(first + i, n);
          for (std::int64_t j = 0; j < kTile; ++j) s[j] = decays[j], ds[j] = -delta[i];
          add_products(q + i * d, k_columns, d, s);
          add_products(dout + i * d, v_columns, d, ds);
          for (std::int64_t j = 0; j < kTile; ++j) {
            const float weight = fast_exp(s[j] - lse[i]);
            s[j] = j < visible ? weight : 0.0f;
            ds[j] = j < visible ? weight * ds[j] : 0.0f;
          }
          double sum = 0;
          for (std::int64_t j = 0; j < visible; ++j) sum += ds[j], dc[n * kTile + j] -= ds[j];
          dc[p.position(first + i)] += sum;
          add_lines(ds, 1, visible, k, d, dq + i * d);
        }
        for (std::int64_t j = 0; j < keys; ++j) {
          add_lines(dlogits + j, kTile, count, q, d, dk + (n * kTile + j) * d);
          add_lines(weights + j, kTile, count, dout, d, dv + (n * kTile + j) * d);
        }
      }
      store_lines(dq, count, d, scale, cell.line(p.dq, first, p.dq_stride), p.rows * p.dq_stride);
    }
    store_lines(dk, p.keys, d, 1.0f, cell.line(p.dk, 0, p.dk_stride), p.rows * p.dk_stride);
    store_lines(dv, p.keys, d, 1.0f, cell.line(p.dv, 0, p.dv_stride), p.rows * p.dv_stride);
    double sum = 0;
    for (std::int64_t t = p.keys - 1; t >= 0; --t) {
      p.dlog_f[t * p.cells() + index] = static_cast<float>(sum += dc[t]);
    }
  }

  template <class Io>
  [[gnu::always_inline]] static inline void run(const ForgettingAttentionBackward<Io>& p, std::int64_t begin,
                                                std::int64_t end) {
    const std::int64_t padded = p.key_tiles() * kTile;
    std::vector<float> room(7 * kTile * p.head_width + 2 * kTile * kTile + 2 * padded * p.head_width);
    std::vector<double> dc(padded);
    for (std::int64_t index = begin; index < end; ++index) cell(p, index, room, dc);
  }
};

struct StepCells {
  template <class Io>
  [[gnu::always_inline]] static inline float product(const float* __restrict q, const Io* __restrict k,
                                                     std::int64_t d) {
    constexpr std::int64_t kLanes = 16;
    float parts[kLanes] = {}, sum = 0;
    std::int64_t e = 0;
    for (; e + kLanes <= d; e += kLanes) {
      for (std::int64_t lane = 0; lane < kLanes; ++lane) parts[lane] += q[e + lane] * widen(k[e + lane]);
    }
    for (; e < d; ++e) sum += q[e] * widen(k[e]);
    for (float part : parts) sum += part;
    return sum;
  }

  template <class Io>
  [[gnu::always_inline]] static inline void cell(const ForgettingStep<Io>& p, std::int64_t cell,
                                                 std::vector<float>& room) {
    const std::int64_t d = p.head_width, row = cell / p.heads, column = cell % p.heads * d, ring = cell * p.window;
    float *q = room.data(), *sums = q + d, *weights = sums + d;
    double* c = p.c + ring;
    const double c_now = enter_key(p.window, p.log_f[cell], p.bound, p.allowed, c, p.first[cell], p.next[cell],
                                   p.lost[cell], p.worst[cell], [](double x) { return std::exp(x); });
    const std::int64_t now = p.next[cell] - 1;
    c[now % p.window] = c_now;
    const auto line = [&](Io* lines, std::int64_t at) { return lines + (ring + at) * d; };
    std::copy_n(p.k + row * p.k_stride + column, d, line(p.keys, now % p.window));
    std::copy_n(p.v + row * p.v_stride + column, d, line(p.values, now % p.window));
    const float scale = 1.0f / std::sqrt(static_cast<float>(d));
    for (std::int64_t e = 0; e < d; ++e) q[e] = scale * widen(p.q[row * p.q_stride + column + e]), sums[e] = 0;
    const std::int64_t first = p.first[cell], count = now - first + 1;
    float most = -INFINITY, total = 0;
    for (std::int64_t i = 0, at = first % p.window; i < count; ++i, at = at + 1 == p.window ? 0 : at + 1) {
      weights[i] = product(q, line(p.keys, at), d) + static_cast<float>(c_now - c[at]);
      most = weights[i] > most ? weights[i] : most;
    }
    for (std::int64_t i = 0; i < count; ++i) weights[i] = fast_exp(weights[i] - most);
    for (std::int64_t i = 0, at = first % p.window; i < count; ++i, at = at + 1 == p.window ? 0 : at + 1) {
      const Io* __restrict v = line(p.values, at);
      total += weights[i];
      for (std::int64_t e = 0; e < d; ++e) sums[e] += weights[i] * widen(v[e]);
    }
    for (std::int64_t e = 0; e < d; ++e) narrow(sums[e] / total, p.out[cell * d + e]);
  }

  template <class Io>
  [[gnu::always_inline]] static inline void run(const ForgettingStep<Io>& p, std::int64_t begin, std::int64_t end) {
    std::vector<float> room(2 * p.head_width + p.window);
    for (std::int64_t index = begin; index < end; ++index) cell(p, index, room);
  }
};

}  // namespace

void forgetting_decays_cpu(const float* log_f, std::int64_t cells, std::int64_t keys, double* c, std::int64_t begin,
                           std::int64_t end) {
  for (std::int64_t cell = begin; cell < end; ++cell) {
    double sum = 0;
    for (std::int64_t t = 0; t < keys; ++t) c[cell * keys + t] = sum += log_f[t * cells + cell];
  }
}

template <class Io>
void forgetting_attention_forward_cpu(const ForgettingAttentionForward<Io>& p, std::int64_t begin, std::int64_t end,
                                      CpuLevel level) {
  run_at<ForwardTiles>(level, p, begin, end);
}
template <class Io>
void forgetting_attention_backward_cpu(const ForgettingAttentionBackward<Io>& p, std::int64_t begin, std::int64_t end,
                                       CpuLevel level) {
  run_at<BackwardCells>(level, p, begin, end);
}
template <class Io>
void forgetting_attention_step_cpu(const ForgettingStep<Io>& p, std::int64_t begin, std::int64_t end, CpuLevel level) {
  run_at<StepCells>(level, p, begin, end);
}

#define TRECVIT_FORGETTING(Io)                                                                                        \
  template void forgetting_attention_forward_cpu(const ForgettingAttentionForward<Io>&, std::int64_t, std::int64_t,   \
                                                 CpuLevel);                                                           \
  template void forgetting_attention_backward_cpu(const ForgettingAttentionBackward<Io>&, std::int64_t, std::int64_t, \
                                                  CpuLevel);                                                          \
  template void forgetting_attention_step_cpu(const ForgettingStep<Io>&, std::int64_t, std::int64_t, CpuLevel);
TRECVIT_FORGETTING(float)
TRECVIT_FORGETTING(Bf16)
#undef TRECVIT_FORGETTING

}  // namespace trecvit::kernels
