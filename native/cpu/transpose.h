// A square of kLanes vectors, turned over its diagonal.
#pragma once

#include <utility>

#include "vec.h"

namespace outright::cpu {

template <size_t... I>
inline Vec interleave_low(Vec a, Vec b, std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b, static_cast<int>(I / 2 + I % 2 * kLanes)...);
}
template <size_t... I>
inline Vec interleave_high(Vec a, Vec b, std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b, static_cast<int>(kLanes / 2 + I / 2 + I % 2 * kLanes)...);
}

// rows[i][j] becomes rows[j][i], in log2(kLanes) rounds that interleave row i with row i + kLanes / 2.
inline void transpose(Vec (&rows)[kLanes]) {
  constexpr auto lanes = std::make_index_sequence<kLanes>{};
  for (int done = 1; done < kLanes; done *= 2) {
    Vec next[kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes / 2; ++i) {
      next[2 * i] = interleave_low(rows[i], rows[i + kLanes / 2], lanes);
      next[2 * i + 1] = interleave_high(rows[i], rows[i + kLanes / 2], lanes);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) rows[i] = next[i];
  }
}

}  // namespace outright::cpu
