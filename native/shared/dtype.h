// Storage types as C++ types, and one number at a time between them.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "outright/backend.h"

namespace outright {

// The upper half of a float32: 8 bits of exponent, 8 of precision.
struct bfloat16 {
  uint16_t bits;
};

template <typename X>
inline constexpr int32_t kDtype = OUTRIGHT_FLOAT32;
template <>
inline constexpr int32_t kDtype<bfloat16> = OUTRIGHT_BFLOAT16;
template <>
inline constexpr int32_t kDtype<int32_t> = OUTRIGHT_INT32;
template <>
inline constexpr int32_t kDtype<int16_t> = OUTRIGHT_INT16;

inline float to_float(float x) { return x; }
inline float to_float(bfloat16 x) { return std::bit_cast<float>(static_cast<uint32_t>(x.bits) << 16); }

// To nearest, ties to even; NaN stays NaN (its upper bits, made quiet).
inline bfloat16 round_to_bfloat16(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<uint16_t>((bits >> 16) | 0x40u)};
  return {static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}
template <typename X>
inline X from_float(float x) {
  if constexpr (std::is_same_v<X, bfloat16>)
    return round_to_bfloat16(x);
  else
    return x;
}

// Calls body(X{}) with the storage type of a tensor. Anything but bfloat16 counts as float32: the checks of
// the arguments then say what is wrong with it.
template <typename Body>
void with_storage(int32_t dtype, const Body& body) {
  if (dtype == OUTRIGHT_BFLOAT16)
    body(bfloat16{});
  else
    body(float{});
}
template <typename Body>
void with_storage(const outright_tensor* tensor, const Body& body) {
  with_storage(tensor ? tensor->dtype : OUTRIGHT_FLOAT32, body);
}

}  // namespace outright
