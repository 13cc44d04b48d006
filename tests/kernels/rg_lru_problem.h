// One body for every device: runs a device's RG-LRU forward and backward on random arguments and compares every result
// with the scalar reference.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <ostream>
#include <vector>

#include "fixtures.h"
#include "kernels/rg_lru/reference.h"
#include "kernels/rg_lru/rg_lru.h"

namespace trecvit::kernels {

struct RgLruCase {
  std::int64_t frames, rows, channels;
  bool gated = true, h0 = true, reset = true, strided = false;
};

inline void PrintTo(const RgLruCase& c, std::ostream* out) {
  *out << "T " << c.frames << ", rows " << c.rows << ", R " << c.channels << (c.gated ? ", y" : "")
       << (c.h0 ? ", h0" : "") << (c.reset ? ", reset" : "") << (c.strided ? ", strided" : "");
}

template <class Io>
struct RgLruResults {
  std::vector<Io> out, h, dx, dinput_logits, da_logits, dy;
  std::vector<Wide<Io>> h_last, dh0, dinput_bias, da_bias, da_param;

  template <class F>
  static void for_each(RgLruResults<Io>& a, F&& f) {
    f("out", a.out), f("h", a.h), f("h_last", a.h_last), f("dx", a.dx), f("dinput_logits", a.dinput_logits);
    f("da_logits", a.da_logits), f("dy", a.dy), f("dh0", a.dh0), f("dinput_bias", a.dinput_bias);
    f("da_bias", a.da_bias), f("da_param", a.da_param);
  }
};

template <class Io>
class RgLruProblem {
 public:
  explicit RgLruProblem(const RgLruCase& shape) : shape_(shape) {
    const std::int64_t cells = shape.rows * shape.channels, all = shape.frames * cells;
    y_stride_ = shape.strided ? 2 * shape.channels + 1 : shape.channels;
    Rng rng(7);
    x_ = random_numbers<Io>(all, rng, 1.0);
    input_logits_ = random_numbers<Io>(all, rng, 1.5);
    a_logits_ = random_numbers<Io>(all, rng, 1.5);
    y_ = random_numbers<Io>(shape.frames * shape.rows * y_stride_, rng, 1.5);
    input_bias_ = random_numbers<float>(shape.channels, rng, 0.5);
    a_bias_ = random_numbers<float>(shape.channels, rng, 0.5);
    a_param_ = random_numbers<float>(shape.channels, rng, 2.0, -3.0);
    h0_ = random_numbers<float>(cells, rng, 1.0);
    dout_ = random_numbers<Io>(all, rng, 1.0);
    dh_last_ = random_numbers<float>(cells, rng, 1.0);
    for (std::int64_t n = 0; n < shape.frames * shape.rows; ++n) reset_.push_back(rng.chance(0.2));
  }

  // The device's answers; outputs start poisoned.
  template <class Device>
  RgLruResults<Io> run(const Device& device) const {
    return run_with<Io>([&](const auto& p) { device.forward(p); }, [&](const auto& p) { device.backward(p); },
                        [](const auto& numbers) { return numbers.io.data(); }, nullptr);
  }

  // The reference's. Backward starts from the h that the device kept, as its own backward did.
  RgLruResults<double> reference(const std::vector<Io>& kept) const {
    std::vector<double> h;
    for (Io value : kept) h.push_back(to_double(value));
    return run_with<double>([](const auto& p) { reference::rg_lru_forward(p); },
                            [](const auto& p) { reference::rg_lru_backward(p); },
                            [](const auto& numbers) { return numbers.exact.data(); }, h.data());
  }

 private:
  template <class S, class Forward, class Backward, class Pick>
  RgLruResults<S> run_with(Forward&& forward, Backward&& backward, Pick&& pick, const S* kept) const {
    const std::int64_t cells = shape_.rows * shape_.channels, all = shape_.frames * cells;
    const std::int64_t lines = shape_.frames * shape_.rows;
    RgLruResults<S> r;
    r.out = blank<S>(all), r.h = blank<S>(all), r.h_last = blank<Wide<S>>(cells);
    RgLruInputs<S> inputs{.frames = shape_.frames, .rows = shape_.rows, .channels = shape_.channels};
    inputs.x = pick(x_), inputs.input_logits = pick(input_logits_), inputs.a_logits = pick(a_logits_);
    inputs.y = shape_.gated ? pick(y_) : nullptr;
    inputs.y_stride = y_stride_;
    inputs.input_bias = pick(input_bias_), inputs.a_bias = pick(a_bias_), inputs.a_param = pick(a_param_);
    inputs.h0 = shape_.h0 ? pick(h0_) : nullptr;
    inputs.reset = shape_.reset ? reset_.data() : nullptr;
    RgLruForward<S> f;
    static_cast<RgLruInputs<S>&>(f) = inputs;
    f.out = r.out.data(), f.h = r.h.data(), f.h_last = r.h_last.data();
    forward(f);

    r.dx = blank<S>(all), r.dinput_logits = blank<S>(all), r.da_logits = blank<S>(all);
    r.dh0 = blank<Wide<S>>(cells), r.dinput_bias = blank<Wide<S>>(shape_.channels);
    r.da_bias = blank<Wide<S>>(shape_.channels), r.da_param = blank<Wide<S>>(shape_.channels);
    std::vector<S> dy = blank<S>(lines * y_stride_);
    RgLruBackward<S> b;
    static_cast<RgLruInputs<S>&>(b) = inputs;
    b.h = kept ? kept : r.h.data();
    b.dout = pick(dout_), b.dh_last = pick(dh_last_);
    b.dx = r.dx.data(), b.dinput_logits = r.dinput_logits.data(), b.da_logits = r.da_logits.data();
    b.dy = shape_.gated ? dy.data() : nullptr;
    b.dy_stride = y_stride_;
    b.dh0 = r.dh0.data(), b.dinput_bias = r.dinput_bias.data(), b.da_bias = r.da_bias.data();
    b.da_param = r.da_param.data();
    backward(b);
    for (std::int64_t line = 0; shape_.gated && line < lines; ++line) {
      r.dy.insert(r.dy.end(), dy.begin() + line * y_stride_, dy.begin() + line * y_stride_ + shape_.channels);
    }
    return r;
  }

  template <class S>
  static std::vector<S> blank(std::int64_t count) {
    if constexpr (std::is_same_v<S, double>) {
      return std::vector<double>(static_cast<std::size_t>(count));
    } else {
      return poisoned<S>(count);
    }
  }

  RgLruCase shape_;
  std::int64_t y_stride_;
  Numbers<Io> x_, input_logits_, a_logits_, y_, dout_;
  Numbers<float> input_bias_, a_bias_, a_param_, h0_, dh_last_;
  std::vector<std::uint8_t> reset_;
};

// Every result within `tolerance` of the reference (relative to the largest element), and the same bits when run again.
template <class Io, class Device>
void expect_rg_lru_matches(const RgLruCase& shape, const Device& device, double tolerance) {
  const RgLruProblem<Io> problem(shape);
  RgLruResults<Io> actual = problem.run(device), again = problem.run(device);
  RgLruResults<double> expected = problem.reference(actual.h);
  std::vector<std::vector<double>> answers;
  RgLruResults<double>::for_each(expected, [&](const char*, auto& values) { answers.push_back(values); });
  std::vector<std::string> bits;
  const auto bits_of = [](const auto& v) {
    return std::string(reinterpret_cast<const char*>(v.data()), v.size() * sizeof(v[0]));
  };
  RgLruResults<Io>::for_each(again, [&](const char*, auto& values) { bits.push_back(bits_of(values)); });
  std::size_t at = 0;
  RgLruResults<Io>::for_each(actual, [&](const char* name, auto& values) {
    EXPECT_LE(worst_error(values, answers[at]), tolerance) << name;
    EXPECT_TRUE(bits_of(values) == bits[at]) << name << " differs when repeated";
    ++at;
  });
}

}  // namespace trecvit::kernels
