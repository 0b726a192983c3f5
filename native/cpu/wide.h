// Float64 sums over float32 numbers.
#pragma once

#include "vec.h"

namespace outright::cpu {

// Half as many numbers as a Vec has, in float32 and in float64.
inline constexpr int kWideLanes = kLanes / 2;
typedef double WideVec __attribute__((vector_size(kWideLanes * 8)));
typedef float NarrowVec __attribute__((vector_size(kWideLanes * 4)));
typedef float NarrowVecAt __attribute__((vector_size(kWideLanes * 4), aligned(4), may_alias));

inline WideVec load_wide(const float* p) {
  return __builtin_convertvector((NarrowVec) * reinterpret_cast<const NarrowVecAt*>(p), WideVec);
}

// Sum of squares (each exact in float64): 16 sums, one for each index modulo 16, whatever the width of a
// vector.
inline double sum_of_squares(const float* x, int64_t count) {
  constexpr int kSums = 16;
  WideVec sums[kSums / kWideLanes] = {};
  int64_t i = 0;
  for (; i + kSums <= count; i += kSums) {
    for (int j = 0; j < kSums / kWideLanes; ++j) {
      const WideVec value = load_wide(x + i + j * kWideLanes);
      sums[j] += value * value;
    }
  }
  double each[kSums];
  std::memcpy(each, sums, sizeof each);
  for (int j = 0; i < count; ++i, ++j) each[j] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  double total = 0;
  for (const double sum : each) total += sum;
  return total;
}

}  // namespace outright::cpu
