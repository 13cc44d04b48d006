// NAL units of H.264, bit by bit.
#pragma once

#include <cstdint>
#include <string>

namespace trecvit::video_test {

class NalWriter {
 public:
  void u(int count, std::uint32_t value) {
    for (int i = count - 1; i >= 0; --i) {
      if (used_ == 0) bytes_.push_back(0);
      bytes_.back() = static_cast<char>(bytes_.back() | static_cast<char>((value >> i & 1) << (7 - used_)));
      used_ = (used_ + 1) % 8;
    }
  }
  void ue(std::uint32_t value) {
    int length = 0;
    while ((value + 1) >> (length + 1)) ++length;
    u(length, 0);
    u(length + 1, value + 1);
  }
  void align() { u((8 - used_) % 8, 0); }

  // With header byte and emulation prevention, without start code.
  std::string finish(int header) {
    u(1, 1);
    align();
    std::string out(1, static_cast<char>(header));
    int zeros = 0;
    for (const char byte : bytes_) {
      if (zeros >= 2 && static_cast<unsigned char>(byte) <= 3) {
        out += '\3';
        zeros = 0;
      }
      zeros = byte == 0 ? zeros + 1 : 0;
      out += byte;
    }
    return out;
  }

 private:
  std::string bytes_;
  int used_ = 0;  // bits of the last byte
};

}  // namespace trecvit::video_test
