// GELU (Hendrycks and Gimpel, 2016) of one vector, and its slope.
#pragma once

#include <type_traits>

#include "math.h"
#include "storage.h"

namespace outright::cpu {

// The tanh form is x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3): no difference of nearly equal numbers.
inline constexpr float kTwoRootTwoOverPi = 1.5957691216057308f;
inline constexpr float kGeluCubic = 0.044715f;

// normal() to 1e-7 of absolute error (Abramowitz and Stegun, 7.1.26): more than bfloat16 tells apart, and a
// third of the arithmetic.
inline Normal short_normal(Vec x) {
  const Vec a = min(splat(20.0f), absolute(x));
  const Vec t = quick_reciprocal(fma(a, splat(0.23164189f), splat(1.0f)));
  Vec p = splat(0.5f * 1.061405429f);
  p = fma(p, t, splat(0.5f * -1.453152027f));
  p = fma(p, t, splat(0.5f * 1.421413741f));
  p = fma(p, t, splat(0.5f * -0.284496736f));
  p = fma(p, t, splat(0.5f * 0.254829592f));
  const Vec gauss = exp2_small<4>(a * a * -0.72134752f);
  const Vec half = p * t * gauss;
  return {gauss * 0.39894228040143268f, select(x < 0.0f, half, 1.0f - half)};
}

// In the precision that storage type X deserves.
template <typename X>
Normal normal_for(Vec x) {
  if constexpr (std::is_same_v<X, bfloat16>)
    return short_normal(x);
  else
    return normal(x);
}

template <typename X>
[[gnu::always_inline]] inline Vec gelu_value(Vec x, bool tanh) {
  const Vec share =
      tanh ? sigmoid(kTwoRootTwoOverPi * (x + kGeluCubic * x * x * x)) : normal_for<X>(x).distribution;
  return x * share;
}

template <typename X>
Vec gelu_slope(Vec x, bool tanh) {
  if (!tanh) {
    const Normal at = normal_for<X>(x);
    return at.distribution + x * at.density;
  }
  const Vec v = kTwoRootTwoOverPi * (x + kGeluCubic * x * x * x);
  const Vec s = sigmoid(v);
  return s + x * s * sigmoid(-v) * (kTwoRootTwoOverPi * (1.0f + 3.0f * kGeluCubic * x * x));
}

}  // namespace outright::cpu
