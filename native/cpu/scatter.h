// Rows picked from a matrix by index, and rows added back to it: shared by the embedding and the gather
// operations.
#pragma once

#include <algorithm>

#include "shared/row_order.h"
#include "storage.h"
#include "tiles.h"

namespace outright::cpu {

// y[n, :] = x[rows[n], :]
template <typename X>
inline void gather(Device& device, const X* x, const int32_t* rows, X* y, int64_t N, int64_t D) {
  constexpr int64_t kRows = 64;
  device.pool.run(ceil_div(N, kRows), static_cast<double>(N) * static_cast<double>(D),
                  [&](int64_t tile, int) {
                    const Range range = part(tile, kRows, N);
                    for (int64_t n = range.begin; n < range.end; ++n)
                      std::copy_n(x + rows[n] * D, D, y + n * D);
                  });
}

// dx[rows[n], :] += dy[n, :] in order of n, summed in float32 and rounded to dx's storage once. Threads share
// the rows of dx.
template <typename Y, typename X>
inline void scatter_add(Device& device, const Y* dy, const int32_t* rows, X* dx, int64_t N, int64_t D) {
  const RowOrder by_row = order_rows(rows, N);
  constexpr int64_t kRows = 16;
  const auto distinct = static_cast<int64_t>(by_row.begins.size()) - 1;
  device.pool.run(ceil_div(distinct, kRows), static_cast<double>(N) * static_cast<double>(D),
                  [&](int64_t tile, int) {
                    const Range range = part(tile, kRows, distinct);
                    for (int64_t i = range.begin; i < range.end; ++i) {
                      const int64_t* first = by_row.order.data() + by_row.begins[static_cast<size_t>(i)];
                      const int64_t* last = by_row.order.data() + by_row.begins[static_cast<size_t>(i) + 1];
                      X* to = dx + rows[*first] * D;
                      for_vectors(D, [&](int64_t d, int64_t lanes) {
                        Vec sum = load_n(to + d, lanes);
                        for (const int64_t* n = first; n < last; ++n) sum += load_n(dy + *n * D + d, lanes);
                        store_n(to + d, sum, lanes);
                      });
                    }
                  });
}

}  // namespace outright::cpu
