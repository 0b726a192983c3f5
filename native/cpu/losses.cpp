// From log-probs to a loss and its gradient g = dloss/dlogp. All sums are float64, in order.
#include <algorithm>
#include <cmath>
#include <vector>

#include "operations.h"
#include "shared/check.h"

namespace outright::cpu {

namespace {

double sum(const float* values, int64_t begin, int64_t end) {
  double total = 0;
  for (int64_t i = begin; i < end; ++i) total += static_cast<double>(values[i]);
  return total;
}

// Numbers for take_results, among them the loss.
void leave(Device& device, const std::vector<double>& results, double loss) {
  device.results.insert(device.results.end(), results.begin(), results.end());
  device.finite_results = device.finite_results && std::isfinite(loss);
}

}  // namespace

void sft_nll(Device& device, const outright_tensor* logp, const outright_tensor* weights,
             const outright_tensor* g, int64_t N, double* loss) {
  Check check("sft_nll");
  check.sizes({{"N", N}});
  const float* LOGP = check.input(logp, "logp", {N});
  const float* WEIGHTS = check.input(weights, "weights", {N});
  float* G = check.output(g, "g", {N});
  check.separate();
  double total = 0;
  for (int64_t n = 0; n < N; ++n) {
    const float weight = WEIGHTS[n];
    G[n] = weight == 0.0f ? 0.0f : -weight;
    if (weight != 0.0f) total -= static_cast<double>(weight) * static_cast<double>(LOGP[n]);
  }
  if (loss)
    *loss = total;
  else
    leave(device, {total}, total);
}

void sequence_sums(Device&, const outright_tensor* logp, const outright_tensor* offsets, double* sums,
                   int64_t N, int64_t S) {
  Check check("sequence_sums");
  check.sizes({{"N", N}, {"S", S}});
  check.host(sums, "sums", S);
  const float* LOGP = check.input(logp, "logp", {N});
  const int32_t* OFFSETS = check.offsets(offsets, "offsets", S, N);
  for (int64_t s = 0; s < S; ++s) sums[s] = sum(LOGP, OFFSETS[s], OFFSETS[s + 1]);
}

void dpo_sigmoid(Device& device, const outright_tensor* logp, const outright_tensor* offsets,
                 const double* reference, const outright_tensor* g, double* metrics, int64_t N, int64_t P,
                 double beta, double scale, double* total) {
  Check check("dpo_sigmoid");
  check.sizes({{"N", N}, {"P", P}});
  check.host(reference, "reference", P);
  if (total) check.host(metrics, "metrics", P);
  const int64_t S = check.elements("offsets", {2, P});
  const float* LOGP = check.input(logp, "logp", {N});
  const int32_t* OFFSETS = check.offsets(offsets, "offsets", S, N);
  float* G = check.output(g, "g", {N});
  check.separate();

  for (int64_t n = 0; n < N; ++n) G[n] = 0.0f;
  std::vector<double> left;
  if (!total) {
    left.resize(static_cast<size_t>(6 * P));
    metrics = left.data();
  }
  double losses = 0;
  for (int64_t p = 0; p < P; ++p) {
    const int32_t* bounds = OFFSETS + 2 * p;
    const double chosen = sum(LOGP, bounds[0], bounds[1]);
    const double rejected = sum(LOGP, bounds[1], bounds[2]);
    const double reward_chosen = beta * (chosen - reference[2 * p]);
    const double reward_rejected = beta * (rejected - reference[2 * p + 1]);
    const double margin = reward_chosen - reward_rejected;
    // -log sigmoid(m) and sigmoid(-m), without overflow or cancellation on either side.
    const double small = std::exp(-std::fabs(margin));
    const double loss = std::log1p(small) + (margin < 0 ? -margin : 0.0);
    const double pull = (margin < 0 ? 1.0 : small) / (1.0 + small);
    const float slope = static_cast<float>(scale * beta * pull);
    for (int64_t n = bounds[0]; n < bounds[1]; ++n) G[n] = -slope;
    for (int64_t n = bounds[1]; n < bounds[2]; ++n) G[n] = slope;
    losses += loss;
    double* row = metrics + 6 * p;
    row[0] = chosen;
    row[1] = rejected;
    row[2] = reward_chosen;
    row[3] = reward_rejected;
    row[4] = margin;
    row[5] = loss;
  }
  if (total)
    *total = scale * losses;
  else
    leave(device, left, losses);
}

void take_results(Device& device, double* results, int64_t count) {
  if (results) {
    check_results(count, static_cast<int64_t>(device.results.size()));
    std::copy(device.results.begin(), device.results.end(), results);
  }
  device.results.clear();
  device.finite_results = true;
}

}  // namespace outright::cpu
