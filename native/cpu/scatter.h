// Rows picked from a matrix by index, and rows added back to it: shared by the embedding and the gather
// operations.
#pragma once

#include "tiles.h"

namespace outright::cpu {

// y[n, :] = x[rows[n], :]
inline void gather(Device& device, const float* x, const int32_t* rows, float* y, int64_t N, int64_t D) {
  constexpr int64_t kRows = 64;
  device.pool.run(ceil_div(N, kRows), static_cast<double>(N) * static_cast<double>(D),
                  [&](int64_t tile, int) {
                    const Range range = part(tile, kRows, N);
                    for (int64_t n = range.begin; n < range.end; ++n)
                      std::copy_n(x + rows[n] * D, D, y + n * D);
                  });
}

// dx[rows[n], :] += dy[n, :] in order of n: threads share the columns, so that equal rows meet in one order.
inline void scatter_add(Device& device, const float* dy, const int32_t* rows, float* dx, int64_t N,
                        int64_t D) {
  constexpr int64_t kColumns = 32;
  device.pool.run(ceil_div(D, kColumns), static_cast<double>(N) * static_cast<double>(D),
                  [&](int64_t tile, int) {
                    const Range range = part(tile, kColumns, D);
                    for (int64_t n = 0; n < N; ++n)
                      for (int64_t d = range.begin; d < range.end; ++d) dx[rows[n] * D + d] += dy[n * D + d];
                  });
}

}  // namespace outright::cpu
