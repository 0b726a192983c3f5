// GELU (Hendrycks and Gimpel, 2016) of one vector, and its slope.
#pragma once

#include "math.h"

namespace outright::cpu {

// The tanh form is x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3): no difference of nearly equal numbers.
inline constexpr float kTwoRootTwoOverPi = 1.5957691216057308f;
inline constexpr float kGeluCubic = 0.044715f;

inline Vec gelu_value(Vec x, bool tanh) {
  const Vec share = tanh ? sigmoid(kTwoRootTwoOverPi * (x + kGeluCubic * x * x * x)) : normal(x).distribution;
  return x * share;
}

inline Vec gelu_slope(Vec x, bool tanh) {
  if (!tanh) {
    const Normal at = normal(x);
    return at.distribution + x * at.density;
  }
  const Vec v = kTwoRootTwoOverPi * (x + kGeluCubic * x * x * x);
  const Vec s = sigmoid(v);
  return s + x * s * sigmoid(-v) * (kTwoRootTwoOverPi * (1.0f + 3.0f * kGeluCubic * x * x));
}

}  // namespace outright::cpu
