// Float64 oracle of the linear layer and its two gradients: the definition, one sum at a time.
#pragma once

#include <cstdint>

namespace outright::oracle {

// y[M,N] = x[M,K] w[N,K]^T + b[N]; b may be null.
inline void Linear(const double* x, const double* w, const double* b, double* y, int64_t M, int64_t N,
                   int64_t K) {
  for (int64_t m = 0; m < M; ++m) {
    for (int64_t n = 0; n < N; ++n) {
      double sum = b ? b[n] : 0.0;
      for (int64_t k = 0; k < K; ++k) sum += x[m * K + k] * w[n * K + k];
      y[m * N + n] = sum;
    }
  }
}

// dx[M,K] (+)= dy[M,N] w[N,K].
inline void LinearBackwardInput(const double* dy, const double* w, double* dx, int64_t M, int64_t N,
                                int64_t K, bool accumulate) {
  for (int64_t m = 0; m < M; ++m) {
    for (int64_t k = 0; k < K; ++k) {
      double sum = accumulate ? dx[m * K + k] : 0.0;
      for (int64_t n = 0; n < N; ++n) sum += dy[m * N + n] * w[n * K + k];
      dx[m * K + k] = sum;
    }
  }
}

// dw[N,K] += dy^T x; db[N] += column sums of dy (db may be null).
inline void LinearBackwardWeight(const double* dy, const double* x, double* dw, double* db, int64_t M,
                                 int64_t N, int64_t K) {
  for (int64_t m = 0; m < M; ++m) {
    for (int64_t n = 0; n < N; ++n) {
      const double g = dy[m * N + n];
      if (db) db[n] += g;
      for (int64_t k = 0; k < K; ++k) dw[n * K + k] += g * x[m * K + k];
    }
  }
}

}  // namespace outright::oracle
