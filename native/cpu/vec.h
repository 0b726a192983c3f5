// Short vectors of float32, as wide as the instruction set that this file is compiled for.
//
// Built with GCC/Clang vector extensions; only what these lack (fused multiply-add, masked memory access) is
// written per instruction set. Contraction is off (-ffp-contract=off), so a product and a sum are fused
// exactly where fma() is written: two paths that write the same operations give the same bits. The baseline
// x86-64 has no fused multiply-add; there fma() rounds twice, so variants may differ from one another but
// never from themselves.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace outright::cpu {

#if defined(__AVX512F__)
inline constexpr int kLanes = 16;
inline constexpr int kRegisters = 32;
#elif defined(__AVX2__)
inline constexpr int kLanes = 8;
inline constexpr int kRegisters = 16;
#elif defined(__ARM_NEON)
inline constexpr int kLanes = 4;
inline constexpr int kRegisters = 32;
#else
inline constexpr int kLanes = 4;
inline constexpr int kRegisters = 16;
#endif

typedef float Vec __attribute__((vector_size(kLanes * 4)));
typedef int32_t IntVec __attribute__((vector_size(kLanes * 4)));
typedef uint32_t WordVec __attribute__((vector_size(kLanes * 4)));
// The same at any address.
typedef float VecAt __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));

inline Vec splat(float x) { return x - Vec{}; }  // x - 0 keeps every x, -0 and NaN included
inline Vec load(const float* p) { return *reinterpret_cast<const VecAt*>(p); }
inline void store(float* p, Vec v) { *reinterpret_cast<VecAt*>(p) = v; }

// The first n of kLanes elements, zeros in the others; nothing behind them is touched. 0 <= n <= kLanes.
inline Vec load_first(const float* p, int64_t n) {
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1u), p);
#else
  float lanes[kLanes] = {};
  std::memcpy(lanes, p, static_cast<size_t>(n) * sizeof(float));
  return load(lanes);
#endif
}

inline void store_first(float* p, Vec v, int64_t n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1u), (__m512)v);
#else
  float lanes[kLanes];
  store(lanes, v);
  std::memcpy(p, lanes, static_cast<size_t>(n) * sizeof(float));
#endif
}

// a * b + c, rounded once where the processor can.
inline Vec fma(Vec a, Vec b, Vec c) {
#if defined(__AVX512F__)
  return (Vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
  return (Vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__ARM_NEON)
  return (Vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}

inline Vec sqrt(Vec a) {
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_sqrt_ps(0xffff, (__m512)a);
#elif defined(__AVX2__)
  return (Vec)_mm256_sqrt_ps((__m256)a);
#else
  Vec root;
  for (int i = 0; i < kLanes; ++i) root[i] = __builtin_sqrtf(a[i]);
  return root;
#endif
}

inline Vec select(IntVec condition, Vec yes, Vec no) { return condition ? yes : no; }
inline Vec max(Vec a, Vec b) { return a > b ? a : b; }  // b where either is NaN
inline Vec min(Vec a, Vec b) { return a < b ? a : b; }  // likewise
inline Vec absolute(Vec a) { return (Vec)((IntVec)a & 0x7fffffff); }
// 1 / a to 2^-22 of its value, for a between 2^-60 and 2^60
inline Vec quick_reciprocal(Vec a) {
#if defined(__AVX512F__)
  const Vec r = (Vec)_mm512_maskz_rcp14_ps(0xffff, (__m512)a);
  return r * fma(-a, r, splat(2.0f));  // a step of Newton's method
#else
  return 1.0f / a;
#endif
}

// Lanes 0, 1, 2, ... as numbers; lane < n is the mask of the first n.
inline IntVec lane_index() {
  IntVec index;
  for (int i = 0; i < kLanes; ++i) index[i] = i;
  return index;
}
inline IntVec first_lanes(int64_t n) { return lane_index() < static_cast<int32_t>(n); }

// The first half of the lanes joined with the second, and so on down to one: a balanced tree, one fixed
// order.
typedef float Vec2 __attribute__((vector_size(8)));
typedef float Vec4 __attribute__((vector_size(16)));
typedef float Vec8 __attribute__((vector_size(32)));
template <typename Join>
inline float fold_lanes(Vec v, const Join& join) {
#if defined(__AVX512F__)
  const Vec8 eight = join(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7),
                          __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15));
#elif defined(__AVX2__)
  const Vec8 eight = v;
#endif
#if defined(__AVX2__)
  const Vec4 four = join(__builtin_shufflevector(eight, eight, 0, 1, 2, 3),
                         __builtin_shufflevector(eight, eight, 4, 5, 6, 7));
#else
  const Vec4 four = v;
#endif
  const Vec2 two = join(__builtin_shufflevector(four, four, 0, 1), __builtin_shufflevector(four, four, 2, 3));
  return join(two[0], two[1]);
}
inline float sum_lanes(Vec v) {
  return fold_lanes(v, [](auto a, auto b) { return a + b; });
}
// What it gives where a lane is NaN is not said.
inline float max_lanes(Vec v) {
  return fold_lanes(v, [](auto a, auto b) { return a > b ? a : b; });
}

}  // namespace outright::cpu
