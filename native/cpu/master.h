// A float32 master as a bfloat16 weight and what rounding to it took away (backend.h: "low").
#pragma once

#include "storage.h"

namespace outright::cpu {

typedef int16_t ShortVec __attribute__((vector_size(kLanes * 2)));

// int32 to int16; what int16 lacks becomes its nearest number.
inline ShortVec saturate(IntVec x) {
#if defined(__AVX512F__)
  return (ShortVec)_mm512_maskz_cvtsepi32_epi16(0xffff, (__m512i)x);
#elif defined(__AVX2__)
  const __m256i whole = (__m256i)x;
  return (ShortVec)_mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
#else
  const IntVec most = x < INT16_MAX ? x : IntVec{} + INT16_MAX;
  return __builtin_convertvector(most > INT16_MIN ? most : IntVec{} + INT16_MIN, ShortVec);
#endif
}

// The masters of n weights, 0 <= n <= kLanes.
inline Vec load_master(const bfloat16* w, const int16_t* low, int64_t n) {
  // read as the upper halves of words, the shift back keeps their sign
  const IntVec rest = (IntVec)load_n(reinterpret_cast<const bfloat16*>(low), n) >> 16;
  return (Vec)((IntVec)load_n(w, n) + rest);
}

inline void store_master(bfloat16* w, int16_t* low, Vec x, int64_t n) {
  const HalfVec rounded = narrow(x);
  const ShortVec rest = saturate((IntVec)x - (IntVec)widen(rounded));
  std::memcpy(w, &rounded, static_cast<size_t>(n) * sizeof *w);
  std::memcpy(low, &rest, static_cast<size_t>(n) * sizeof *low);
}

}  // namespace outright::cpu
