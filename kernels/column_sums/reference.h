// Column sums in the plainest form.
#pragma once

#include "kernels/column_sums/params.h"

namespace trecvit::kernels::reference {

template <class S>
void column_sums(const ColumnSumsParams<S>& p) {
  for (std::int64_t n = 0; n < p.columns; ++n) {
    p.sums[n] = 0;
    for (std::int64_t m = 0; m < p.rows; ++m) p.sums[n] += p.x[m * p.columns + n];
  }
}

}  // namespace trecvit::kernels::reference
