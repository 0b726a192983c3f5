// What products share: how k is cut into blocks, and units of it (matmul.h).
#pragma once

#include <algorithm>
#include <cstring>

#include "matmul.h"
#include "transpose.h"

namespace outright::cpu::matmul {

// Units of k in one block: a packed row block of A and a panel of B then stay close to the processor.
inline constexpr int64_t kDepth = kLanes == 16 ? 512 : 256;

// The longest block length not above kDepth that cuts k into equal parts, in units.
template <typename X>
int64_t block_units(int64_t k) {
  const int64_t all = units<X>(k);
  const int64_t blocks = std::max<int64_t>(1, (all + kDepth - 1) / kDepth);
  return ((all + blocks - 1) / blocks + 7) / 8 * 8;
}

template <typename X>
inline constexpr bool kPairs = kPerUnit<X> == 2;

inline Vec broadcast(const char* p) {
  float unit;
  std::memcpy(&unit, p, sizeof unit);
  return splat(unit);
}

template <typename X>
inline Vec multiply_add(Vec a, Vec b, Vec sum) {
#if defined(__AVX512BF16__)
  if constexpr (kPairs<X>) return (Vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
#endif
  return fma(a, b, sum);
}

// kLanes units along a row, of which `count` elements are there; the others are zero.
template <typename X>
inline Vec load_units(const X* p, int64_t count) {
#if defined(__AVX512BF16__)
  if constexpr (kPairs<X>) {
    const auto mask = count >= 2 * kLanes ? ~__mmask32{0} : static_cast<__mmask32>((1u << count) - 1u);
    return (Vec)_mm512_maskz_loadu_epi16(mask, p);
  }
#endif
  return load_n(p, std::min<int64_t>(count, kLanes));
}

// kLanes units of each of kLanes rows, of which `rows` rows and `count` elements along them are there: vector
// u holds unit u of every row.
template <typename X>
inline void load_square(const X* p, int64_t stride, int64_t rows, int64_t count, Vec (&square)[kLanes]) {
  constexpr int64_t kWhole = kLanes * kPerUnit<X>;
  if (rows >= kLanes && count >= kWhole) {
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) square[i] = load_units(p + i * stride, kWhole);
  } else {
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) square[i] = i < rows ? load_units(p + i * stride, count) : Vec{};
  }
  transpose(square);
}

}  // namespace outright::cpu::matmul
