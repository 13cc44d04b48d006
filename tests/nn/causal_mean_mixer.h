// The smallest temporal mixer: x + the mean of norm(x) over the past. It shows all that a new mixer must bring.
#pragma once

#include "nn/mixer_factory.h"

namespace trecvit::nn {

// The mean over time of norm(x), scaled per channel by one learned parameter, "causal_mean/gain" [C].
class CausalMean : public TemporalMixer {
 public:
  CausalMean(ParameterStore& store, const std::string& prefix, std::int64_t width)
      : width_(width), gain_(store.add(prefix + "/causal_mean/gain", {width}, /*decay=*/false, normal(0.5))) {}

  Tensor forward(const Tensor& x, const Norm& norm, MixerState* state, const StreamPositions& positions) const override {
    const std::int64_t frames = x.size(0), rows = x.size(1);
    const Tensor past = norm(x).to(at::kFloat).cumsum(0);  // [T, rows, C]
    Tensor count = at::arange(1, frames + 1, past.options()).view({frames, 1, 1});
    if (!state) return x + (past / count * gain_->value).to(x.scalar_type());
    const std::int64_t streams = positions.frames_before.numel(), tokens = rows / streams;
    const Tensor slots = positions.slots.defined() ? positions.slots : at::arange(streams, positions.frames_before.options());
    const Tensor index = (slots.unsqueeze(1) * tokens + at::arange(tokens, slots.options())).flatten();
    const Tensor before = state->tensor(0).index_select(0, index);  // [rows, C]
    count = count + positions.frames_before.repeat_interleave(tokens).view({1, rows, 1}).to(at::kFloat);
    const Tensor sum = past + before;
    state->tensor(0).index_copy_(0, index, sum[frames - 1]);
    return x + (sum / count * gain_->value).to(x.scalar_type());
  }

  std::unique_ptr<MixerState> make_state(std::int64_t slots, std::int64_t tokens, at::Device device,
                                         at::ScalarType) const override {
    return std::make_unique<MixerState>(
        std::vector<StateField>{
            {.name = "sum", .tensor = at::zeros({slots * tokens, width_}, at::TensorOptions().device(device))}},
        slots);
  }

 private:
  std::int64_t width_;
  Parameter* gain_;
};

class CausalMeanKind : public MixerKind {
 public:
  std::string name() const override { return "causal_mean"; }
  void finish(const std::string&, const MixerSite&, MixerConfig&) const override {}
  bool recognise(const NamedArrays& arrays, const std::string& prefix, MixerConfig&) const override {
    return arrays.count(prefix + "/causal_mean/gain") > 0;
  }
  double multiply_adds(const MixerSite& site, const MixerConfig&) const override {
    return static_cast<double>(site.width);
  }
  std::int64_t state_bytes(const MixerSite& site, const MixerConfig&) const override { return 4 * site.width; }
};

// Makes the kind known, once in a program.
inline void register_causal_mean() {
  [[maybe_unused]] static const bool once = [] {
    register_mixer_kind(std::make_unique<CausalMeanKind>());
    register_mixer_factory("causal_mean", [](ParameterStore& store, const std::string& prefix, const MixerSite& site,
                                             const MixerConfig&) {
      return std::make_unique<CausalMean>(store, prefix, site.width);
    });
    return true;
  }();
}

}  // namespace trecvit::nn
