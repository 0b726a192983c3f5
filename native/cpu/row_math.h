// Reductions and passes over one row of D floats. The order of summation depends on D alone.
#pragma once

#include <algorithm>

#include "vec.h"

namespace outright::cpu {

// Calls body(d, n) for the vectors of a row: elements d ... d + n, n = kLanes but for the last.
template <typename Body>
inline void for_vectors(int64_t D, const Body& body) {
  int64_t d = 0;
  for (; d + kLanes <= D; d += kLanes) body(d, int64_t{kLanes});
  if (d < D) body(d, D - d);
}

inline Vec load_n(const float* p, int64_t n) { return n == kLanes ? load(p) : load_first(p, n); }
inline void store_n(float* p, Vec v, int64_t n) {
  if (n == kLanes)
    store(p, v);
  else
    store_first(p, v, n);
}

// Sum over d of term(d, n), a vector that is zero beyond its n elements: 32 partial sums, whatever the width
// of a vector, so that all variants are equally exact.
template <typename Term>
inline float row_sum(int64_t D, const Term& term) {
  constexpr int kChains = 32 / kLanes;
  Vec sums[kChains] = {};
  int64_t d = 0;
  for (; d + kChains * kLanes <= D; d += kChains * kLanes) {
#pragma GCC unroll 8
    for (int c = 0; c < kChains; ++c) sums[c] += term(d + c * kLanes, int64_t{kLanes});
  }
  for (int c = 0; d < D; d += kLanes, ++c) sums[c] += term(d, std::min<int64_t>(kLanes, D - d));
  for (int half = kChains / 2; half > 0; half /= 2)
    for (int c = 0; c < half; ++c) sums[c] += sums[c + half];
  return sum_lanes(sums[0]);
}

}  // namespace outright::cpu
