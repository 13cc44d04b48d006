// Numbers from the headers of H.264. Internal to data/video.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace trecvit::video {

// Bits of a NAL unit's payload behind its header byte (7.3.1, 9.1); zeros behind the end, which ended() tells.
class NalBits {
 public:
  NalBits(std::span<const std::uint8_t> nal, std::size_t most_bytes) {
    int zeros = 0;
    for (std::size_t i = 1; i < nal.size() && bytes_.size() < most_bytes; ++i) {
      if (zeros >= 2 && nal[i] == 3) {  // emulation prevention
        zeros = 0;
        continue;
      }
      zeros = nal[i] == 0 ? zeros + 1 : 0;
      bytes_.push_back(nal[i]);
    }
  }
  std::uint32_t u(int count) {
    std::uint32_t value = 0;
    for (int i = 0; i < count; ++i, ++at_) {
      const bool bit = at_ / 8 < bytes_.size() && (bytes_[at_ / 8] >> (7 - at_ % 8) & 1);
      value = value << 1 | (bit ? 1u : 0u);
    }
    return value;
  }
  std::uint32_t ue() {
    int zeros = 0;
    while (zeros < 32 && !ended() && u(1) == 0) ++zeros;
    return zeros >= 32 ? UINT32_MAX : (1u << zeros) - 1 + u(zeros);
  }
  std::int64_t se() {
    const std::int64_t k = ue();
    return k % 2 != 0 ? (k + 1) / 2 : -k / 2;
  }
  std::size_t position() const { return at_; }  // bits read
  bool ended() const { return at_ > 8 * bytes_.size(); }

 private:
  std::vector<std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

}  // namespace trecvit::video
