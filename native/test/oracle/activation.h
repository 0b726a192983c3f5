// Float64 oracles of the elementwise operations: SiLU gate (Shazeer 2020, eq. 5), GELU (Hendrycks & Gimpel
// 2016, section 2), sum and scaling.
#pragma once

#include <cmath>
#include <cstdint>

namespace outright::oracle {

inline double Sigmoid(double x) {
  return x >= 0 ? 1.0 / (1.0 + std::exp(-x)) : std::exp(x) / (1.0 + std::exp(x));
}

// y = silu(gate) * up, silu(x) = x sigmoid(x).
inline void SiluGate(const double* gate, const double* up, double* y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) y[i] = gate[i] * Sigmoid(gate[i]) * up[i];
}

// silu'(x) = sigmoid(x) (1 + x (1 - sigmoid(x))); 1 - sigmoid(x) is taken as sigmoid(-x).
inline void SiluGateBackward(const double* dy, const double* gate, const double* up, double* dgate,
                             double* dup, int64_t count, bool accumulate) {
  for (int64_t i = 0; i < count; ++i) {
    const double s = Sigmoid(gate[i]);
    dgate[i] = (accumulate ? dgate[i] : 0.0) + dy[i] * up[i] * s * (1.0 + gate[i] * Sigmoid(-gate[i]));
    dup[i] = (accumulate ? dup[i] : 0.0) + dy[i] * gate[i] * s;
  }
}

inline constexpr double kSqrt2OverPi = 0.79788456080286535588;     // sqrt(2 / pi)
inline constexpr double kInverseSqrt2Pi = 0.39894228040143267794;  // 1 / sqrt(2 pi)
inline constexpr double kGeluCubic = 0.044715;

// Exact: x Phi(x). tanh: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
inline void Gelu(const double* x, double* y, int64_t count, bool tanh) {
  for (int64_t i = 0; i < count; ++i) {
    const double cdf = tanh ? 0.5 * (1.0 + std::tanh(kSqrt2OverPi * (x[i] + kGeluCubic * x[i] * x[i] * x[i])))
                            : 0.5 * std::erfc(-x[i] * std::sqrt(0.5));
    y[i] = x[i] * cdf;
  }
}

// dx (+)= dy (cdf + x cdf').
inline void GeluBackward(const double* dy, const double* x, double* dx, int64_t count, bool tanh,
                         bool accumulate) {
  for (int64_t i = 0; i < count; ++i) {
    double slope;
    if (tanh) {
      const double u = std::tanh(kSqrt2OverPi * (x[i] + kGeluCubic * x[i] * x[i] * x[i]));
      const double du = (1.0 - u * u) * kSqrt2OverPi * (1.0 + 3.0 * kGeluCubic * x[i] * x[i]);
      slope = 0.5 * (1.0 + u) + 0.5 * x[i] * du;
    } else {
      const double density = kInverseSqrt2Pi * std::exp(-0.5 * x[i] * x[i]);
      slope = 0.5 * std::erfc(-x[i] * std::sqrt(0.5)) + x[i] * density;
    }
    dx[i] = (accumulate ? dx[i] : 0.0) + dy[i] * slope;
  }
}

// y = a + b.
inline void Add(const double* a, const double* b, double* y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) y[i] = a[i] + b[i];
}

// x *= factor.
inline void Scale(double* x, double factor, int64_t count) {
  for (int64_t i = 0; i < count; ++i) x[i] *= factor;
}

}  // namespace outright::oracle
