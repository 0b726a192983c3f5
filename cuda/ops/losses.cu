// From log-probs to a loss and its gradient g = dloss/dlogp. All sums are float64; their order depends on the
// numbers of tokens alone.
#include <vector>

#include "kernels/reduce.cuh"
#include "operations.h"
#include "runtime/launch.h"
#include "shared/check.h"

namespace outright::cuda {

namespace {

constexpr int kLossThreads = 256;

__global__ void __launch_bounds__(1024)
    nll(const float* logp, const float* weights, float* g, int64_t N, double* loss, int32_t* not_finite) {
  double sum = 0;
  for (int64_t n = threadIdx.x; n < N; n += blockDim.x) {
    const float weight = weights[n];
    g[n] = weight == 0.0f ? 0.0f : -weight;
    if (weight != 0.0f) sum -= static_cast<double>(weight) * static_cast<double>(logp[n]);
  }
  sum = block_sum(sum);
  if (threadIdx.x != 0) return;
  *loss = sum;
  if (not_finite && !(fabs(sum) < HUGE_VAL)) *not_finite = 1;
}

__device__ double sum_between(const float* logp, int32_t begin, int32_t end) {
  double sum = 0;
  for (int64_t n = begin + static_cast<int64_t>(threadIdx.x); n < end; n += kLossThreads)
    sum += static_cast<double>(logp[n]);
  return block_sum(sum);
}

__global__ void __launch_bounds__(kLossThreads)
    sums_of_sequences(const float* logp, const int32_t* offsets, double* sums) {
  const double sum = sum_between(logp, offsets[blockIdx.x], offsets[blockIdx.x + 1]);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// A block for each pair: its metrics, and g of its tokens.
__global__ void __launch_bounds__(kLossThreads)
    dpo(const float* logp, const int32_t* offsets, const double* reference, float* g, double* metrics,
        double beta, double scale) {
  const int64_t p = blockIdx.x;
  const int32_t first = offsets[2 * p], middle = offsets[2 * p + 1], last = offsets[2 * p + 2];
  const double chosen = sum_between(logp, first, middle);
  const double rejected = sum_between(logp, middle, last);
  const double reward_chosen = beta * (chosen - reference[2 * p]);
  const double reward_rejected = beta * (rejected - reference[2 * p + 1]);
  const double margin = reward_chosen - reward_rejected;
  // -log sigmoid(m) and sigmoid(-m), without overflow or cancellation on either side
  const double small = exp(-fabs(margin));
  const double pull = (margin < 0 ? 1.0 : small) / (1.0 + small);
  const auto slope = static_cast<float>(scale * beta * pull);
  for (int64_t n = first + static_cast<int64_t>(threadIdx.x); n < last; n += kLossThreads)
    g[n] = n < middle ? -slope : slope;
  if (threadIdx.x != 0) return;
  double* row = metrics + 6 * p;
  row[0] = chosen;
  row[1] = rejected;
  row[2] = reward_chosen;
  row[3] = reward_rejected;
  row[4] = margin;
  row[5] = log1p(small) + (margin < 0 ? -margin : 0.0);
}

// One block: whether the losses among the metrics of P pairs are finite.
__global__ void __launch_bounds__(1024)
    look_at_losses(const double* metrics, int64_t P, int32_t* not_finite) {
  double losses = 0;  // of some pairs, none of them negative: not finite if one is not
  for (int64_t p = threadIdx.x; p < P; p += blockDim.x) losses += metrics[6 * p + 5];
  losses = block_sum(losses);
  if (threadIdx.x == 0 && !(losses < HUGE_VAL)) *not_finite = 1;
}

constexpr int64_t bytes_of(int64_t doubles) { return doubles * static_cast<int64_t>(sizeof(double)); }

}  // namespace

void sft_nll(Device& device, const outright_tensor* logp, const outright_tensor* weights,
             const outright_tensor* g, int64_t N, double* loss) {
  Check check("sft_nll");
  check.sizes({{"N", N}});
  const float* LOGP = check.input(logp, "logp", {N});
  const float* WEIGHTS = check.input(weights, "weights", {N});
  float* G = check.output(g, "g", {N});
  check.separate();
  Results& results = *device.results;
  if (!loss) {
    launch(device, {1, 1024}, nll, LOGP, WEIGHTS, G, N, results.place(1), results.not_finite());
    results.send(1);
    return;
  }
  const Scratch result(device, bytes_of(1));
  int32_t* const unasked = nullptr;
  launch(device, {1, 1024}, nll, LOGP, WEIGHTS, G, N, result.as<double>(), unasked);
  device.staging->to_host(loss, result.as<double>(), bytes_of(1));
}

void sequence_sums(Device& device, const outright_tensor* logp, const outright_tensor* offsets, double* sums,
                   int64_t N, int64_t S) {
  Check check("sequence_sums", &device.mirror);
  check.sizes({{"N", N}, {"S", S}});
  check.host(sums, "sums", S);
  const float* LOGP = check.input(logp, "logp", {N});
  check.offsets(offsets, "offsets", S, N);
  const Scratch result(device, bytes_of(S));
  launch(device, {S, kLossThreads}, sums_of_sequences, LOGP, static_cast<const int32_t*>(offsets->data),
         result.as<double>());
  device.staging->to_host(sums, result.as<double>(), bytes_of(S));
}

void dpo_sigmoid(Device& device, const outright_tensor* logp, const outright_tensor* offsets,
                 const double* reference, const outright_tensor* g, double* metrics, int64_t N, int64_t P,
                 double beta, double scale, double* total) {
  Check check("dpo_sigmoid", &device.mirror);
  check.sizes({{"N", N}, {"P", P}});
  check.host(reference, "reference", P);
  if (total) check.host(metrics, "metrics", P);
  const int64_t S = check.elements("offsets", {2, P});
  const float* LOGP = check.input(logp, "logp", {N});
  check.offsets(offsets, "offsets", S, N);
  float* G = check.output(g, "g", {N});
  check.separate();
  if (N > 0)
    expect(cudaMemsetAsync(G, 0, static_cast<size_t>(N) * sizeof(float), device.stream), "dpo_sigmoid");
  const Uploaded<double> references(device, reference, S);
  const auto pairs = [&](double* rows) {
    launch(device, {P, kLossThreads}, dpo, LOGP, static_cast<const int32_t*>(offsets->data),
           references.data(), G, rows, beta, scale);
  };
  Results& results = *device.results;
  if (!total) {
    double* const rows = results.place(6 * P);
    pairs(rows);
    launch(device, {P > 0 ? 1 : 0, 1024}, look_at_losses, rows, P, results.not_finite());
    results.send(6 * P);
    return;
  }
  const Scratch rows(device, bytes_of(6 * P));
  pairs(rows.as<double>());
  device.staging->to_host(metrics, rows.as<double>(), bytes_of(6 * P));
  double losses = 0;
  for (int64_t p = 0; p < P; ++p) losses += metrics[6 * p + 5];
  *total = scale * losses;
}

void take_results(Device& device, double* results, int64_t count) {
  if (!results) {
    device.results->forget();
    return;
  }
  check_results(count, device.results->waiting());
  device.results->take(results);
}

}  // namespace outright::cuda
