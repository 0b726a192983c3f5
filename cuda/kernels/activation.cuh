// Activations of one number, and their slopes.
#pragma once

#include <cuda_runtime.h>

namespace outright::cuda {

__device__ inline float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

// GELU (Hendrycks and Gimpel, 2016). The tanh form is x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3): no
// difference of nearly equal numbers.
__device__ inline float gelu_value(float x, bool tanh) {
  if (tanh) return x * sigmoid(1.5957691216057308f * (x + 0.044715f * x * x * x));
  return 0.5f * x * erfcf(-0.70710678118654752f * x);
}

__device__ inline float gelu_slope(float x, bool tanh) {
  if (!tanh) return 0.5f * erfcf(-0.70710678118654752f * x) + x * 0.39894228040143268f * expf(-0.5f * x * x);
  const float v = 1.5957691216057308f * (x + 0.044715f * x * x * x);
  const float s = sigmoid(v);
  return s + x * s * sigmoid(-v) * (1.5957691216057308f * (1.0f + 3.0f * 0.044715f * x * x));
}

}  // namespace outright::cuda
