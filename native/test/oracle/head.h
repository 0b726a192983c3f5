// Float64 oracle of the log-prob head: logits of one row at a time, log-sum-exp, the target's log-prob.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace outright::oracle {

inline void HeadLogits(const double* h, const double* w, double* z, int64_t D, int64_t V) {
  for (int64_t v = 0; v < V; ++v) {
    double sum = 0.0;
    for (int64_t d = 0; d < D; ++d) sum += h[d] * w[v * D + d];
    z[v] = sum;
  }
}

// With z = h w^T: lse[n] = log sum_v exp z[n,v], logp[n] = min(0, z[n, targets[n]] - lse[n]).
inline void LogprobHead(const double* h, const double* w, const int32_t* targets, double* logp, double* lse,
                        int64_t N, int64_t D, int64_t V) {
  std::vector<double> z(static_cast<size_t>(V));
  for (int64_t n = 0; n < N; ++n) {
    HeadLogits(h + n * D, w, z.data(), D, V);
    double top = z[0];
    for (const double value : z) {
      if (std::isnan(value) || value > top) top = value;
      if (std::isnan(top)) break;
    }
    double sum = 0.0;
    for (const double value : z) sum += std::exp(value - top);
    lse[n] = top + std::log(sum);
    const double difference = z[static_cast<size_t>(targets[n])] - lse[n];
    logp[n] = difference > 0.0 ? 0.0 : difference;  // keeps NaN
  }
}

// dz[n,v] = g[n] (onehot - p), p = exp(z - lse); at the target 1 - p = -expm1(logp).
// dh[N,D] (+)= dz w; dw[V,D] += dz^T h (dw may be null). Rows with g == 0 give exactly nothing.
inline void LogprobHeadBackward(const double* h, const double* w, const int32_t* targets, const double* lse,
                                const double* logp, const double* g, double* dh, double* dw, int64_t N,
                                int64_t D, int64_t V, bool accumulate) {
  std::vector<double> z(static_cast<size_t>(V));
  for (int64_t n = 0; n < N; ++n) {
    if (!accumulate) {
      for (int64_t d = 0; d < D; ++d) dh[n * D + d] = 0.0;
    }
    if (g[n] == 0.0) continue;
    HeadLogits(h + n * D, w, z.data(), D, V);
    for (int64_t v = 0; v < V; ++v) {
      const double onehot_minus_p =
          v == targets[n] ? -std::expm1(logp[n]) : -std::exp(z[static_cast<size_t>(v)] - lse[n]);
      const double dz = g[n] * onehot_minus_p;
      for (int64_t d = 0; d < D; ++d) {
        dh[n * D + d] += dz * w[v * D + d];
        if (dw) dw[v * D + d] += dz * h[n * D + d];
      }
    }
  }
}

}  // namespace outright::oracle
