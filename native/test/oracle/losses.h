// Float64 oracles of the losses on log-probs: SFT negative log-likelihood, DPO sigmoid (Rafailov et al. 2023,
// eq. 7), and per-sequence sums.
#pragma once

#include <cmath>
#include <cstdint>

#include "activation.h"

namespace outright::oracle {

// Returns sum_n -weights[n] logp[n], where a term of weight 0 is 0 whatever logp is; g[n] = -weights[n].
inline double SftNll(const double* logp, const double* weights, double* g, int64_t N) {
  double loss = 0.0;
  for (int64_t n = 0; n < N; ++n) {
    if (weights[n] != 0.0) loss -= weights[n] * logp[n];
    g[n] = -weights[n];
  }
  return loss;
}

// sums[s] = sum of logp[offsets[s] .. offsets[s+1]).
inline void SequenceSums(const double* logp, const int32_t* offsets, double* sums, int64_t S) {
  for (int64_t s = 0; s < S; ++s) {
    sums[s] = 0.0;
    for (int32_t n = offsets[s]; n < offsets[s + 1]; ++n) sums[s] += logp[n];
  }
}

// -log sigmoid(m), without overflow for either sign.
inline double NegativeLogSigmoid(double m) {
  return std::log1p(std::exp(-std::fabs(m))) + (m < 0 ? -m : 0.0);
}

// Sequences 2p and 2p+1 are pair p's chosen and rejected answers. metrics[P,6]: logp chosen, logp rejected,
// reward chosen, reward rejected, margin, loss (unscaled). g is 0 outside every sequence. Returns scale * sum
// of losses.
inline double DpoSigmoid(const double* logp, const int32_t* offsets, const double* reference, double* g,
                         double* metrics, int64_t N, int64_t P, double beta, double scale) {
  double total = 0.0;
  for (int64_t n = 0; n < N; ++n) g[n] = 0.0;
  for (int64_t p = 0; p < P; ++p) {
    double sums[2];
    SequenceSums(logp, offsets + 2 * p, sums, 2);
    const double chosen = beta * (sums[0] - reference[2 * p]);
    const double rejected = beta * (sums[1] - reference[2 * p + 1]);
    const double margin = chosen - rejected;
    const double loss = NegativeLogSigmoid(margin);
    const double slope = scale * beta * Sigmoid(-margin);
    for (int32_t n = offsets[2 * p]; n < offsets[2 * p + 1]; ++n) g[n] = -slope;
    for (int32_t n = offsets[2 * p + 1]; n < offsets[2 * p + 2]; ++n) g[n] = slope;
    const double row[6] = {sums[0], sums[1], chosen, rejected, margin, loss};
    for (int i = 0; i < 6; ++i) metrics[6 * p + i] = row[i];
    total += loss;
  }
  return scale * total;
}

}  // namespace outright::oracle
