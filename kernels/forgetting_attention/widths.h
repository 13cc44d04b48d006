// The head widths that the CUDA kernels are compiled for.
#pragma once

#include <cstdint>

namespace trecvit::kernels {

template <int D>
struct ForgettingWidth {};

// f(ForgettingWidth<D>{}) for D = head_width. False, and nothing called, where there is none such.
template <class F>
bool with_forgetting_width(std::int64_t head_width, const F& f) {
  switch (head_width) {
    case 16:
      return f(ForgettingWidth<16>{}), true;
    case 32:
      return f(ForgettingWidth<32>{}), true;
    case 64:
      return f(ForgettingWidth<64>{}), true;
    case 128:
      return f(ForgettingWidth<128>{}), true;
    default:
      return false;
  }
}

}  // namespace trecvit::kernels
