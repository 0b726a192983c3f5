// The two small products that attention is made of, for a few rows at a time.
//
// Both compute every number as one chain of fused multiply-adds in a fixed order, lane by lane, so that
// neither the grouping of rows nor the place of a column in a vector shows in the bits.
#pragma once

#include <algorithm>

#include "row_math.h"

namespace outright::cpu {

// Rows handled together: their accumulators, two vectors each, fill half of the registers or more.
inline constexpr int kTileRows = kRegisters == 32 ? 8 : 4;
// Floats that a row of scores may be written beyond its end, and that a transposed row may be read beyond it.
inline constexpr int64_t kSlack = 2 * kLanes;

// s[r][j] = sum_c x[r][c] yT[c][j] for j in [0, n), in order of c. Writes and reads up to kSlack floats
// further.
template <int R>
void score_rows(int64_t C, const float* x, int64_t x_stride, const float* yT, int64_t y_stride, int64_t n,
                float* s, int64_t s_stride) {
  for (int64_t j = 0; j < n; j += 2 * kLanes) {
    Vec sum[R][2] = {};
    const float* y = yT + j;
    for (int64_t c = 0; c < C; ++c, y += y_stride) {
      const Vec y0 = load(y);
      const Vec y1 = load(y + kLanes);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const Vec xc = splat(x[r * x_stride + c]);
        sum[r][0] = fma(xc, y0, sum[r][0]);
        sum[r][1] = fma(xc, y1, sum[r][1]);
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      store(s + r * s_stride + j, sum[r][0]);
      store(s + r * s_stride + j + kLanes, sum[r][1]);
    }
  }
}

// o[r][c] += sum_i p[r][i] y[i][c] for c in [0, C), in order of i in [0, n). o has kSlack floats to spare.
template <int R>
void combine_rows(int64_t n, const float* p, int64_t p_stride, const float* y, int64_t y_stride, int64_t C,
                  float* o, int64_t o_stride) {
  for (int64_t c = 0; c < C; c += 2 * kLanes) {
    const int64_t n0 = std::min<int64_t>(kLanes, C - c);
    const int64_t n1 = std::clamp<int64_t>(C - c - kLanes, 0, kLanes);
    Vec sum[R][2];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      sum[r][0] = load(o + r * o_stride + c);
      sum[r][1] = load(o + r * o_stride + c + kLanes);
    }
    const auto step = [&](int64_t i, Vec y0, Vec y1) {
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const Vec weight = splat(p[r * p_stride + i]);
        sum[r][0] = fma(weight, y0, sum[r][0]);
        sum[r][1] = fma(weight, y1, sum[r][1]);
      }
    };
    const float* row = y + c;
    if (n1 == kLanes) {
      for (int64_t i = 0; i < n; ++i, row += y_stride) step(i, load(row), load(row + kLanes));
    } else {
      for (int64_t i = 0; i < n; ++i, row += y_stride)
        step(i, load_n(row, n0), n1 > 0 ? load_first(row + kLanes, n1) : Vec{});
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      store(o + r * o_stride + c, sum[r][0]);
      store(o + r * o_stride + c + kLanes, sum[r][1]);
    }
  }
}

// Calls body(std::integral_constant<int, rows>) for 1 <= rows <= kTileRows.
template <int R = kTileRows, typename Body>
void with_rows(int rows, const Body& body) {
  if (rows == R)
    body(std::integral_constant<int, R>{});
  else if constexpr (R > 1)
    with_rows<R - 1>(rows, body);
}

}  // namespace outright::cpu
