// Float64 oracles of RMSNorm (Zhang & Sennrich 2019, eq. 4) and LayerNorm (Ba et al. 2016, eq. 4).
#pragma once

#include <cmath>
#include <cstdint>

namespace outright::oracle {

// y[T,D] = x * rstd * w with rstd[T] = 1 / sqrt(mean(x^2) + eps).
inline void RmsNorm(const double* x, const double* w, double* y, double* rstd, int64_t T, int64_t D,
                    double eps) {
  for (int64_t t = 0; t < T; ++t) {
    const double* row = x + t * D;
    double squares = 0.0;
    for (int64_t d = 0; d < D; ++d) squares += row[d] * row[d];
    rstd[t] = 1.0 / std::sqrt(squares / static_cast<double>(D) + eps);
    for (int64_t d = 0; d < D; ++d) y[t * D + d] = row[d] * rstd[t] * w[d];
  }
}

// With n = x rstd and u = dy w: dx (+)= rstd (u - n mean(u n)), dw += dy n (unless null). The derivative of
// rstd is -rstd^3 x / D.
inline void RmsNormBackward(const double* dy, const double* x, const double* w, const double* rstd,
                            double* dx, double* dw, int64_t T, int64_t D, bool accumulate) {
  for (int64_t t = 0; t < T; ++t) {
    const double r = rstd[t];
    double projection = 0.0;
    for (int64_t d = 0; d < D; ++d) projection += dy[t * D + d] * w[d] * x[t * D + d] * r;
    projection /= static_cast<double>(D);
    for (int64_t d = 0; d < D; ++d) {
      const int64_t i = t * D + d;
      const double normalised = x[i] * r;
      const double gradient = r * (dy[i] * w[d] - normalised * projection);
      dx[i] = (accumulate ? dx[i] : 0.0) + gradient;
      if (dw) dw[d] += dy[i] * normalised;
    }
  }
}

// y[T,D] = (x - mean) * rstd * w + b, rstd[T] = 1 / sqrt(variance + eps), biased variance, two passes.
inline void LayerNorm(const double* x, const double* w, const double* b, double* y, double* mean,
                      double* rstd, int64_t T, int64_t D, double eps) {
  for (int64_t t = 0; t < T; ++t) {
    const double* row = x + t * D;
    double sum = 0.0;
    for (int64_t d = 0; d < D; ++d) sum += row[d];
    mean[t] = sum / static_cast<double>(D);
    double squares = 0.0;
    for (int64_t d = 0; d < D; ++d) squares += (row[d] - mean[t]) * (row[d] - mean[t]);
    rstd[t] = 1.0 / std::sqrt(squares / static_cast<double>(D) + eps);
    for (int64_t d = 0; d < D; ++d) y[t * D + d] = (row[d] - mean[t]) * rstd[t] * w[d] + b[d];
  }
}

// With n = (x - mean) rstd and u = dy w: dx (+)= rstd (u - mean(u) - n mean(u n)), dw += dy n, db += dy
// (unless null).
inline void LayerNormBackward(const double* dy, const double* x, const double* w, const double* mean,
                              const double* rstd, double* dx, double* dw, double* db, int64_t T, int64_t D,
                              bool accumulate) {
  for (int64_t t = 0; t < T; ++t) {
    double average = 0.0;
    double projection = 0.0;
    for (int64_t d = 0; d < D; ++d) {
      const int64_t i = t * D + d;
      average += dy[i] * w[d];
      projection += dy[i] * w[d] * (x[i] - mean[t]) * rstd[t];
    }
    average /= static_cast<double>(D);
    projection /= static_cast<double>(D);
    for (int64_t d = 0; d < D; ++d) {
      const int64_t i = t * D + d;
      const double normalised = (x[i] - mean[t]) * rstd[t];
      const double gradient = rstd[t] * (dy[i] * w[d] - average - normalised * projection);
      dx[i] = (accumulate ? dx[i] : 0.0) + gradient;
      if (dw) dw[d] += dy[i] * normalised;
      if (db) db[d] += dy[i];
    }
  }
}

}  // namespace outright::oracle
