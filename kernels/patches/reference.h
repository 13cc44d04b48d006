// Patches in the plainest form.
#pragma once

#include "kernels/patches/params.h"

namespace trecvit::kernels::reference {

template <class S>
void patches(const PatchesParams<S>& p) {
  const std::int64_t line = p.side * 3;  // numbers of one row of pixels of one patch
  for (std::int64_t f = 0; f < p.frames; ++f)
    for (std::int64_t r = 0; r < p.rows; ++r)
      for (std::int64_t c = 0; c < p.columns; ++c)
        for (std::int64_t y = 0; y < p.side; ++y)
          for (std::int64_t k = 0; k < line; ++k) {
            const std::int64_t from = (((f * p.rows + r) * p.side + y) * p.columns + c) * line + k;
            const std::int64_t to = (((f * p.rows + r) * p.columns + c) * p.side + y) * line + k;
            p.patches[to] = static_cast<S>(p.video[from]) / 255;
          }
}

}  // namespace trecvit::kernels::reference
