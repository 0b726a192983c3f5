// Storage types inside kernels: arithmetic is float32 always.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "shared/dtype.h"

namespace outright::cuda {

constexpr float kLog2E = 1.44269504088896341f;  // of e
constexpr float kLn2 = 0.69314718055994531f;

__device__ inline float widen(float x) { return x; }
__device__ inline float widen(bfloat16 x) { return __uint_as_float(static_cast<uint32_t>(x.bits) << 16); }

// To nearest, ties to even; NaN stays NaN.
template <typename X>
__device__ inline X narrow(float x) {
  return x;
}
template <>
__device__ inline bfloat16 narrow<bfloat16>(float x) {
  bfloat16 result;
#if defined(__CUDA_ARCH__)
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(x));
#else
  const uint32_t bits = __float_as_uint(x);
  result.bits = static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u
                                          ? (bits >> 16) | 0x40u
                                          : (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
#endif
  return result;
}

// n numbers that are read and written at once, 16 bytes at a time at most.
template <typename X, int n>
struct alignas(n * sizeof(X) < 16 ? n * sizeof(X) : 16) Pack {
  X at[n];
};

template <int n, typename X>
__device__ inline Pack<X, n> load_pack(const X* from) {
  return *reinterpret_cast<const Pack<X, n>*>(from);
}
template <int n, typename X>
__device__ inline void store_pack(X* to, const Pack<X, n>& pack) {
  *reinterpret_cast<Pack<X, n>*>(to) = pack;
}

// The float32 values of n numbers.
template <int n>
struct Floats {
  float at[n];
};
template <int n, typename X>
__device__ inline Floats<n> load(const X* from) {
  const Pack<X, n> pack = load_pack<n>(from);
  Floats<n> values;
#pragma unroll
  for (int i = 0; i < n; ++i) values.at[i] = widen(pack.at[i]);
  return values;
}
// The same of n numbers that `count` are there of; the others are `missing`. One by one where not aligned.
template <int n, typename X>
__device__ inline Floats<n> load_up_to(const X* from, int64_t count, bool aligned, float missing = 0.0f) {
  if (aligned && count >= n) return load<n>(from);
  Floats<n> values;
#pragma unroll
  for (int k = 0; k < n; ++k) values.at[k] = k < count ? widen(from[k]) : missing;
  return values;
}
template <int n, typename X>
__device__ inline void store(X* to, const Floats<n>& values) {
  Pack<X, n> pack;
#pragma unroll
  for (int i = 0; i < n; ++i) pack.at[i] = narrow<X>(values.at[i]);
  store_pack<n>(to, pack);
}

}  // namespace outright::cuda
