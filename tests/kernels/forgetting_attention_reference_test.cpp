#include <gtest/gtest.h>

#include <complex>

#include "forgetting_attention_problem.h"
#include "kernels/forgetting_attention/threshold.h"

namespace trecvit::kernels {
namespace {

constexpr std::int64_t kWidth = 2;

// One row of one head, by its numbers.
struct Sequence {
  std::vector<double> q, k, v, log_f, out, lse;
  float threshold = -INFINITY;

  explicit Sequence(std::int64_t keys, std::int64_t queries = 0) {
    const ForgettingProblem<float> random({.head_width = kWidth, .queries = queries ? queries : keys, .keys = keys},
                                          /*spread=*/1.5);
    q = random.q.exact, k = random.k.exact, v = random.v.exact, log_f = random.log_f.exact;
  }
  std::int64_t queries() const { return static_cast<std::int64_t>(q.size()) / kWidth; }
  std::int64_t keys() const { return static_cast<std::int64_t>(k.size()) / kWidth; }
  ForgettingAttentionInputs<double> inputs() const {
    ForgettingAttentionInputs<double> p;
    p.rows = p.heads = 1, p.head_width = kWidth, p.queries = queries(), p.keys = keys(), p.threshold = threshold;
    p.q = q.data(), p.k = k.data(), p.v = v.data(), p.log_f = log_f.data();
    p.q_stride = p.k_stride = p.v_stride = kWidth;
    return p;
  }
  Sequence& run() {
    out.assign(q.size(), NAN), lse.assign(queries(), NAN);
    ForgettingAttentionForward<double> p{inputs()};
    p.out = out.data(), p.lse = lse.data();
    reference::forgetting_attention_forward(p);
    return *this;
  }
  double logit(std::int64_t query, std::int64_t key) const {
    double sum = 0;
    for (std::int64_t d = 0; d < kWidth; ++d) sum += q[query * kWidth + d] * k[key * kWidth + d];
    return sum / std::sqrt(static_cast<double>(kWidth));
  }
  // Row `query` of softmax(logits + bias(query, key)) v, over all keys up to its position.
  template <class Bias>
  std::vector<double> row_by_hand(std::int64_t query, const Bias& bias) const {
    std::vector<double> row(kWidth);
    double sum = 0;
    for (std::int64_t key = 0; key <= keys() - queries() + query; ++key) {
      const double weight = std::exp(logit(query, key) + bias(query, key));
      sum += weight;
      for (std::int64_t d = 0; d < kWidth; ++d) row[d] += weight * v[key * kWidth + d];
    }
    for (double& value : row) value /= sum;
    return row;
  }
  template <class Bias>
  void expect_rows(const Bias& bias) const {
    for (std::int64_t query = 0; query < queries(); ++query) {
      const auto row = row_by_hand(query, bias);
      for (std::int64_t d = 0; d < kWidth; ++d) ASSERT_NEAR(out[query * kWidth + d], row[d], 1e-12) << query;
    }
  }
};

constexpr std::int64_t kLengths[] = {1, 63, 111, 1020};

TEST(ForgettingAttentionReference, WithoutForgettingItIsCausalAttention) {
  for (std::int64_t length : kLengths) {
    Sequence s(length);
    s.log_f.assign(length, 0.0);
    s.run().expect_rows([](std::int64_t, std::int64_t) { return 0.0; });
  }
}

TEST(ForgettingAttentionReference, ForgettingAllGivesTheOwnValue) {
  Sequence s(70);
  s.log_f.assign(70, -1e4);
  s.run();
  for (std::size_t n = 0; n < s.out.size(); ++n) EXPECT_DOUBLE_EQ(s.out[n], s.v[n]);
}

TEST(ForgettingAttentionReference, ConstantGatesAreALinearSlope) {
  for (std::int64_t length : kLengths) {
    Sequence s(length);
    s.log_f.assign(length, std::log(0.9));
    s.run().expect_rows(
        [](std::int64_t query, std::int64_t key) { return std::log(0.9) * static_cast<double>(query - key); });
  }
}

TEST(ForgettingAttentionReference, AHardResetHidesWhatCameBefore) {
  constexpr std::int64_t kReset = 40, kLength = 100;
  Sequence s(kLength);
  s.log_f[kReset] = -1e4;
  Sequence changed = s;
  for (std::int64_t n = 0; n < kReset * kWidth; ++n) changed.k[n] += 1, changed.v[n] -= 2;
  s.run(), changed.run();
  for (std::int64_t n = kReset * kWidth; n < kLength * kWidth; ++n) EXPECT_DOUBLE_EQ(s.out[n], changed.out[n]);
}

// So adding a constant to all c changes nothing either.
TEST(ForgettingAttentionReference, TheFirstGateChangesNothing) {
  Sequence s(90), changed = s;
  changed.log_f[0] -= 3;
  s.run(), changed.run();
  for (std::size_t n = 0; n < s.out.size(); ++n) EXPECT_NEAR(s.out[n], changed.out[n], 1e-13);
}

TEST(ForgettingAttentionReference, FewerQueriesAreTheLastOnes) {
  constexpr std::int64_t kKeys = 150, kQueries = 37;
  Sequence all(kKeys), last = all;
  last.q.erase(last.q.begin(), last.q.end() - kQueries * kWidth);
  all.run(), last.run();
  for (std::int64_t n = 0; n < kQueries * kWidth; ++n) {
    EXPECT_DOUBLE_EQ(last.out[n], all.out[(kKeys - kQueries) * kWidth + n]);
  }
}

// A walk from the diagonal outwards that stops at the first dropped tile finds all kept ones, in both directions.
TEST(ForgettingAttentionReference, WalksFromTheDiagonalFindTheKeptTiles) {
  for (const auto& [keys, queries] : {std::pair{1020, 1020}, {1020, 300}, {111, 111}, {64, 1}}) {
    Sequence s(keys, queries);
    for (double& log_f : s.log_f) log_f *= 0.3;
    s.threshold = -40;
    const auto p = s.inputs();
    const reference::ForgettingCell<double> cell(p, 0, 0);
    std::vector<std::vector<bool>> by_query(p.query_tiles(), std::vector<bool>(p.key_tiles())), by_key = by_query;
    std::vector<std::vector<bool>> expected = by_query;
    const auto last_position = [&](std::int64_t tile) {
      return p.position(std::min((tile + 1) * kForgettingTile, p.queries) - 1);
    };
    std::int64_t dropped = 0;
    for (std::int64_t m = 0; m < p.query_tiles(); ++m) {
      for (std::int64_t n = last_position(m) / kForgettingTile; n >= 0 && cell.tile_kept(m, n); --n) {
        by_query[m][n] = true;
      }
    }
    for (std::int64_t n = 0; n < p.key_tiles(); ++n) {
      std::int64_t m = 0;
      while (m < p.query_tiles() && last_position(m) < n * kForgettingTile) ++m;
      for (; m < p.query_tiles() && cell.tile_kept(m, n); ++m) by_key[m][n] = true;
    }
    for (std::int64_t i = 0; i < p.queries; ++i) {
      for (std::int64_t j = 0; j <= p.position(i); ++j) {
        const bool counts = cell.counts(i, j);
        dropped += !counts;
        if (counts) expected[i / kForgettingTile][j / kForgettingTile] = true;
      }
    }
    EXPECT_EQ(by_query, expected) << keys;
    EXPECT_EQ(by_key, expected) << keys;
    EXPECT_TRUE(keys < 1000 || dropped > 0);
  }
}

// The share of their row's weight that the dropped pairs would have had.
double worst_dropped(const Sequence& s) {
  Sequence whole = s;
  whole.threshold = -INFINITY;
  whole.run();
  const auto p = s.inputs();
  const reference::ForgettingCell<double> cell(p, 0, 0);
  double worst = 0;
  for (std::int64_t i = 0; i < p.queries; ++i) {
    double mass = 0;
    for (std::int64_t j = 0; j <= p.position(i); ++j) {
      if (!cell.counts(i, j)) mass += std::exp(cell.logit(i, j) - whole.lse[i]);
    }
    worst = std::max(worst, mass);
  }
  return worst;
}

double largest_logit(const Sequence& s) {
  double largest = 0;
  for (std::int64_t i = 0; i < s.queries(); ++i) {
    for (std::int64_t j = 0; j < s.keys(); ++j) largest = std::max(largest, std::abs(s.logit(i, j)));
  }
  return largest;
}

TEST(ForgettingAttentionReference, DroppedTilesHaveLittleWeightInEveryRow) {
  for (const double factor : {1.0, 0.3, 0.1}) {
    Sequence s(1020);
    for (double& log_f : s.log_f) log_f *= factor;
    s.threshold = forgetting_threshold(largest_logit(s), s.keys());
    const double dropped = worst_dropped(s);
    EXPECT_LT(dropped, std::exp(kForgettingLogEps));
    EXPECT_GT(dropped, 0);
    Sequence whole = s;
    whole.threshold = -INFINITY;
    s.run(), whole.run();
    double largest = 0;
    for (double value : s.v) largest = std::max(largest, std::abs(value));
    for (std::size_t n = 0; n < s.out.size(); ++n) {
      EXPECT_LE(std::abs(s.out[n] - whole.out[n]), 2 * std::exp(kForgettingLogEps) * largest);
    }
  }
}

// All queries agree with the old keys as far as they can and disagree with the new ones; one gate drops just below the
// threshold.
TEST(ForgettingAttentionReference, TheWorstCaseStaysWithinTheBound) {
  constexpr std::int64_t kLength = 256, kOld = 192;
  Sequence s(kLength);
  constexpr double kA = 2, kB = 3;
  const double bound = kA * kB / std::sqrt(2.0);
  s.threshold = forgetting_threshold(bound, kLength);
  for (std::int64_t t = 0; t < kLength; ++t) {
    s.q[2 * t] = kA, s.k[2 * t] = t < kOld ? kB : -kB, s.q[2 * t + 1] = s.k[2 * t + 1] = 0;
    s.log_f[t] = t == kOld ? s.threshold - 1e-3 : 0;
  }
  EXPECT_NEAR(worst_dropped(s) / std::exp(kForgettingLogEps), 0.75, 2e-3);
}

// Derivatives by Im f(v + i e) / e, without cancellation, over dropped tiles too. The gap is not touched.
TEST(ForgettingAttentionReference, GradientsMatchTheComplexStep) {
  using Complex = std::complex<double>;
  for (const auto& [keys, queries] : {std::pair{7, 7}, {200, 200}, {200, 90}}) {
    const ForgettingProblem<float> problem({.rows = 2,
                                            .heads = 1,
                                            .head_width = kWidth,
                                            .queries = queries,
                                            .keys = keys,
                                            .threshold = keys > 100 ? -3.0f : -INFINITY,
                                            .gap = 1});
    const ForgettingResults<double> expected = problem.reference();
    const auto complex = [](const std::vector<double>& v) { return std::vector<Complex>(v.begin(), v.end()); };
    std::vector<Complex> q = complex(problem.q.exact), k = complex(problem.k.exact), v = complex(problem.v.exact);
    std::vector<Complex> log_f = complex(problem.log_f.exact), out(problem.dout.exact.size());
    ForgettingAttentionForward<Complex> f{
        problem.inputs<Complex>([](const auto&) { return static_cast<const Complex*>(nullptr); })};
    f.q = q.data(), f.k = k.data(), f.v = v.data(), f.log_f = log_f.data(), f.out = out.data();
    constexpr double kStep = 1e-30;
    const auto check = [&](const char* name, std::vector<Complex>& values, const std::vector<double>& gradient) {
      const std::size_t stride = keys > 100 ? 37 : 1;
      for (std::size_t n = 0; n < values.size(); n += stride) {
        const Complex before = values[n];
        values[n] += Complex(0, kStep);
        reference::forgetting_attention_forward(f);
        values[n] = before;
        double slope = 0;
        for (std::size_t m = 0; m < out.size(); ++m) slope += problem.dout.exact[m] * out[m].imag() / kStep;
        if (std::isnan(gradient[n])) {
          EXPECT_EQ(slope, 0) << name << " has a gap at " << n;
        } else {
          EXPECT_NEAR(gradient[n], slope, 1e-12) << name << ", element " << n;
        }
      }
    };
    check("q", q, expected.dq), check("k", k, expected.dk), check("v", v, expected.dv);
    check("log_f", log_f, expected.dlog_f);
    if (queries == keys) {
      for (std::int64_t row = 0; row < 2; ++row) EXPECT_NEAR(expected.dlog_f[row], 0, 1e-12) << "the first gate";
    }
  }
}

TEST(ForgettingThreshold, IsRoundedAwayFromZero) {
  for (const double bound : {0.0, 0.1, 1.0 / 3, 8.0, 12345.678}) {
    const double exact = -2 * bound - std::log(1000.0) - 10;
    EXPECT_LE(static_cast<double>(forgetting_threshold(bound, 1000)), exact);
    EXPECT_NEAR(forgetting_threshold(bound, 1000), exact, 1e-6 * std::abs(exact));
  }
  EXPECT_NEAR(forgetting_threshold(8, 16384), -35.704, 1e-3);
}

TEST(ForgettingThreshold, RefusesWhatCannotBeMeant) {
  EXPECT_THROW(forgetting_threshold(NAN, 10), Error);
  EXPECT_THROW(forgetting_threshold(INFINITY, 10), Error);
  EXPECT_THROW(forgetting_threshold(-1, 10), Error);
  for (const double threshold : {static_cast<double>(NAN), 0.0, 3.0, static_cast<double>(INFINITY)}) {
    EXPECT_THROW(check_forgetting_threshold(threshold), Error);
  }
  EXPECT_NO_THROW(check_forgetting_threshold(-INFINITY));
  EXPECT_NO_THROW(check_forgetting_threshold(-30));
}

}  // namespace
}  // namespace trecvit::kernels
