// The head widths that the attention kernels are compiled for.
#pragma once

#include <cstdint>

namespace trecvit::kernels {

template <int D>
struct Width {};

// f(Width<D>{}) for D = head_width. False, and nothing called, where there is none such.
template <class F>
bool with_width(std::int64_t head_width, const F& f) {
  switch (head_width) {
    case 32:
      return f(Width<32>{}), true;
    case 64:
      return f(Width<64>{}), true;
    case 80:
      return f(Width<80>{}), true;
    case 96:
      return f(Width<96>{}), true;
    case 128:
      return f(Width<128>{}), true;
    default:
      return false;
  }
}

}  // namespace trecvit::kernels
