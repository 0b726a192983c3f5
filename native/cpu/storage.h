// Storage types of weights and activations, and how kernels read and write them: arithmetic is float32
// always.
//
// A kernel is a template over the storage type X (float or bfloat16) that loads with load_n, computes in Vec,
// and stores with store_n; with_storage() picks X by a tensor's dtype.
#pragma once

#include "row_math.h"
#include "shared/dtype.h"
#include "vec.h"

namespace outright::cpu {

// kLanes bfloat16 numbers as they lie in memory.
typedef uint16_t HalfVec __attribute__((vector_size(kLanes * 2)));
typedef uint16_t HalfVecAt __attribute__((vector_size(kLanes * 2), aligned(2), may_alias));

// Written per instruction set where the compiler would go by way of halves of a vector.
inline Vec widen(HalfVec half) {
#if defined(__AVX512F__)
  return (Vec)((WordVec)_mm512_maskz_cvtepu16_epi32(0xffff, (__m256i)half) << 16);
#elif defined(__AVX2__)
  return (Vec)((WordVec)_mm256_cvtepu16_epi32((__m128i)half) << 16);
#else
  return (Vec)(__builtin_convertvector(half, WordVec) << 16);
#endif
}

// The same rounding as round_to_bfloat16. AVX512-BF16's conversion takes subnormal numbers as zero, so that
// it serves where there are none.
inline HalfVec narrow(Vec x) {
#if defined(__AVX512BF16__)
  constexpr int kSubnormal = 0x20;
  if (__builtin_expect(_mm512_fpclass_ps_mask((__m512)x, kSubnormal) == 0, 1))
    return (HalfVec)_mm512_cvtneps_pbh((__m512)x);
#endif
  const WordVec bits = (WordVec)x;
  const WordVec rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
#if defined(__AVX512F__)
  const __mmask16 is_nan = _mm512_cmp_ps_mask((__m512)x, (__m512)x, _CMP_UNORD_Q);
  const WordVec word = (WordVec)_mm512_mask_mov_epi32((__m512i)rounded, is_nan, (__m512i)(bits | 0x400000u));
  return (HalfVec)_mm512_maskz_cvtepi32_epi16(0xffff, (__m512i)(word >> 16));
#else
  const WordVec quiet = bits | 0x400000u;
  const WordVec word = (x != x ? quiet : rounded) >> 16;
#if defined(__AVX2__)
  const __m256i whole = (__m256i)word;
  return (HalfVec)_mm_packus_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
#else
  return __builtin_convertvector(word, HalfVec);
#endif
#endif
}

inline Vec load(const bfloat16* p) { return widen(*reinterpret_cast<const HalfVecAt*>(p)); }
inline void store(bfloat16* p, Vec v) { *reinterpret_cast<HalfVecAt*>(p) = narrow(v); }

// The first n of kLanes elements, zeros in the others; nothing behind them is touched. 0 <= n <= kLanes.
inline Vec load_first(const bfloat16* p, int64_t n) {
#if defined(__AVX512F__)
  return widen((HalfVec)_mm256_maskz_loadu_epi16(static_cast<__mmask16>((1u << n) - 1u), p));
#else
  uint16_t lanes[kLanes] = {};
  std::memcpy(lanes, p, static_cast<size_t>(n) * sizeof(bfloat16));
  return load(reinterpret_cast<const bfloat16*>(lanes));
#endif
}
inline void store_first(bfloat16* p, Vec v, int64_t n) {
#if defined(__AVX512F__)
  _mm256_mask_storeu_epi16(p, static_cast<__mmask16>((1u << n) - 1u), (__m256i)narrow(v));
#else
  const HalfVec half = narrow(v);
  std::memcpy(p, &half, static_cast<size_t>(n) * sizeof(bfloat16));
#endif
}

inline Vec load_n(const bfloat16* p, int64_t n) { return n == kLanes ? load(p) : load_first(p, n); }
inline void store_n(bfloat16* p, Vec v, int64_t n) {
  if (n == kLanes)
    store(p, v);
  else
    store_first(p, v, n);
}

// The number that store() leaves in memory.
template <typename X>
Vec as_stored(Vec x) {
  if constexpr (std::is_same_v<X, bfloat16>)
    return widen(narrow(x));
  else
    return x;
}

// store() for numbers of which the subnormal ones do not matter: the processor's own rounding takes those as
// zero.
inline void store_normal(float* p, Vec v) { store(p, v); }
inline void store_normal(bfloat16* p, Vec v) {
#if defined(__AVX512BF16__)
  const __m256bh half = _mm512_cvtneps_pbh((__m512)v);
  std::memcpy(p, &half, sizeof half);
#else
  store(p, v);
#endif
}

}  // namespace outright::cpu
