// A float32 master as a bfloat16 weight and an int16 low (backend.h), one number at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace outright::oracle {

inline int32_t Bits(double float32) {
  const auto value = static_cast<float>(float32);
  int32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

// What rounding x to w took away. Not for NaN, of which w keeps nothing but that it is one.
inline double Low(double x, double w) {
  return std::clamp(static_cast<double>(Bits(x)) - static_cast<double>(Bits(w)), -32768.0, 32767.0);
}

inline double Master(double w, double low) {
  const int32_t bits = Bits(w) + static_cast<int32_t>(low);
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return static_cast<double>(value);
}

}  // namespace outright::oracle
