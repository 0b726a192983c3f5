// Which rows are added to which, so that each sum has one order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace outright {

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

}  // namespace outright
