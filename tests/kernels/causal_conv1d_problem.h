// One body for every device: runs a device's convolution forward and backward on random arguments and compares every
// result with the scalar reference.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <ostream>
#include <string>
#include <vector>

#include "fixtures.h"
#include "kernels/causal_conv1d/causal_conv1d.h"
#include "kernels/causal_conv1d/reference.h"

namespace trecvit::kernels {

struct ConvCase {
  std::int64_t frames, rows, channels;
  bool state = true, strided = false;
};

inline void PrintTo(const ConvCase& c, std::ostream* out) {
  *out << "T " << c.frames << ", rows " << c.rows << ", R " << c.channels << (c.state ? ", state" : "")
       << (c.strided ? ", strided" : "");
}

template <class Io>
struct ConvResults {
  std::vector<Io> out, state, dz, dstate;
  std::vector<Wide<Io>> dw, db;
};

template <class Io>
class ConvProblem {
 public:
  explicit ConvProblem(const ConvCase& shape) : shape_(shape) {
    const std::int64_t lines = shape.frames * shape.rows, kept = shape.rows * kConvState * shape.channels;
    stride_ = shape.strided ? 2 * shape.channels + 3 : shape.channels;
    Rng rng(11);
    z_ = random_numbers<Io>(lines * stride_, rng, 1.0);
    w_ = random_numbers<float>(kConvWidth * shape.channels, rng, 0.5);
    b_ = random_numbers<float>(shape.channels, rng, 0.5);
    state_ = random_numbers<Io>(kept, rng, 1.0);
    dout_ = random_numbers<Io>(lines * shape.channels, rng, 1.0);
    dstate_ = random_numbers<Io>(kept, rng, 1.0);
  }

  template <class S, class Device, class Pick>
  ConvResults<S> run(const Device& device, Pick&& pick) const {
    const std::int64_t lines = shape_.frames * shape_.rows, r = shape_.channels, kept = shape_.rows * kConvState * r;
    ConvResults<S> result{.out = blank<S>(lines * r), .state = blank<S>(kept)};
    CausalConv1dInputs<S> inputs{.frames = shape_.frames, .rows = shape_.rows, .channels = r};
    inputs.z = pick(z_), inputs.z_stride = stride_, inputs.w = pick(w_), inputs.b = pick(b_);
    inputs.state = shape_.state ? pick(state_) : nullptr;
    CausalConv1dForward<S> f;
    static_cast<CausalConv1dInputs<S>&>(f) = inputs;
    f.out = result.out.data(), f.state_out = result.state.data();
    device.forward(f);

    std::vector<S> dz = blank<S>(lines * stride_);
    result.dstate = blank<S>(kept), result.dw = blank<Wide<S>>(kConvWidth * r), result.db = blank<Wide<S>>(r);
    CausalConv1dBackward<S> b;
    static_cast<CausalConv1dInputs<S>&>(b) = inputs;
    b.dout = pick(dout_), b.dstate_out = shape_.state ? pick(dstate_) : nullptr;
    b.dz = dz.data(), b.dz_stride = stride_, b.dstate = result.dstate.data();
    b.dw = result.dw.data(), b.db = result.db.data();
    device.backward(b);
    for (std::int64_t line = 0; line < lines; ++line) {
      result.dz.insert(result.dz.end(), dz.begin() + line * stride_, dz.begin() + line * stride_ + r);
    }
    return result;
  }

 private:
  template <class S>
  static std::vector<S> blank(std::int64_t count) {
    if constexpr (std::is_same_v<S, double>) {
      return std::vector<double>(static_cast<std::size_t>(count));
    } else {
      return poisoned<S>(count);
    }
  }

  ConvCase shape_;
  std::int64_t stride_;
  Numbers<Io> z_, state_, dout_, dstate_;
  Numbers<float> w_, b_;
};

struct ConvReference {
  void forward(const CausalConv1dForward<double>& p) const { reference::causal_conv1d_forward(p); }
  void backward(const CausalConv1dBackward<double>& p) const { reference::causal_conv1d_backward(p); }
};

// Every result within `tolerance` of the reference (relative to the largest element), and the same bits when run again.
template <class Io, class Device>
void expect_conv_matches(const ConvCase& shape, const Device& device, double tolerance) {
  const ConvProblem<Io> problem(shape);
  const auto io = [](const auto& numbers) { return numbers.io.data(); };
  const ConvResults<Io> actual = problem.template run<Io>(device, io), again = problem.template run<Io>(device, io);
  const ConvResults<double> expected =
      problem.template run<double>(ConvReference{}, [](const auto& numbers) { return numbers.exact.data(); });
  const auto compare = [&](const char* name, const auto& a, const auto& repeated, const std::vector<double>& e) {
    EXPECT_LE(worst_error(a, e), tolerance) << name;
    EXPECT_EQ(0, std::memcmp(a.data(), repeated.data(), a.size() * sizeof(a[0]))) << name << " differs when repeated";
  };
  compare("out", actual.out, again.out, expected.out);
  compare("state", actual.state, again.state, expected.state);
  compare("dz", actual.dz, again.dz, expected.dz);
  compare("dstate", actual.dstate, again.dstate, expected.dstate);
  compare("dw", actual.dw, again.dw, expected.dw);
  compare("db", actual.db, again.db, expected.db);
}

}  // namespace trecvit::kernels
