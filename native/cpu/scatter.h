// Rows picked from a matrix by index, and rows added back to it: shared by the embedding and the gather
// operations.
#pragma once

#include <algorithm>
#include <vector>

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

// The n of [0, N) ordered by rows[n], then by n; and where in that order each new row begins, then N.
struct RowOrder {
  std::vector<int64_t> order;
  std::vector<int64_t> begins;
};
inline RowOrder order_rows(const int32_t* rows, int64_t N) {
  std::vector<int64_t> keys(static_cast<size_t>(N));  // row and n in one number, for a plain sort
  for (int64_t n = 0; n < N; ++n) keys[static_cast<size_t>(n)] = (static_cast<int64_t>(rows[n]) << 32) | n;
  if (!std::is_sorted(keys.begin(), keys.end())) std::sort(keys.begin(), keys.end());
  RowOrder result;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (i == 0 || keys[i] >> 32 != keys[i - 1] >> 32) result.begins.push_back(static_cast<int64_t>(i));
    result.order.push_back(keys[i] & 0xffffffff);
  }
  result.begins.push_back(N);
  return result;
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
