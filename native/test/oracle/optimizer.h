// Float64 oracles of the optimizer: global gradient norm and AdamW (Loshchilov & Hutter 2019, algorithm 2,
// with the learning rate on the decay and eps outside the corrected root, as torch.optim.AdamW has it).
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace outright::oracle {

inline double GlobalNorm(const std::vector<const std::vector<double>*>& tensors) {
  double squares = 0.0;
  for (const std::vector<double>* tensor : tensors) {
    for (const double value : *tensor) squares += value * value;
  }
  return std::sqrt(squares);
}

struct AdamWSettings {
  double lr, beta1, beta2, eps, weight_decay, grad_scale;
  int64_t step;  // 1-based
};

inline void AdamW(double* p, const double* grad, double* m, double* v, int64_t count,
                  const AdamWSettings& s) {
  const double bias1 = 1.0 - std::pow(s.beta1, static_cast<double>(s.step));
  const double bias2 = 1.0 - std::pow(s.beta2, static_cast<double>(s.step));
  for (int64_t i = 0; i < count; ++i) {
    const double g = grad[i] * s.grad_scale;
    p[i] -= s.lr * s.weight_decay * p[i];
    m[i] = s.beta1 * m[i] + (1.0 - s.beta1) * g;
    v[i] = s.beta2 * v[i] + (1.0 - s.beta2) * g * g;
    p[i] -= s.lr * (m[i] / bias1) / (std::sqrt(v[i] / bias2) + s.eps);
  }
}

}  // namespace outright::oracle
