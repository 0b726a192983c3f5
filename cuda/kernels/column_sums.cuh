// Sums over the rows of a matrix, one for each column: gradients of norms and biases. Float64, in two stages
// whose partition depends on the shape alone.
#pragma once

#include "number.cuh"
#include "runtime/launch.h"

namespace outright::cuda {

constexpr int kSumColumns = 32;
constexpr int kSumLanes = 8;  // rows that a block looks at at once

// A term has `static constexpr int kSums` and `void add(int64_t t, int64_t d, double* sums) const`.
// partial[chunk, s, d] = the sums over the rows of a chunk.
template <typename Term>
__global__ void __launch_bounds__(kSumColumns* kSumLanes)
    partial_sums(Term term, double* partial, int64_t T, int64_t D, int64_t rows) {
  __shared__ double parts[kSumLanes][Term::kSums][kSumColumns];
  const int64_t column_blocks = (D + kSumColumns - 1) / kSumColumns;
  const int64_t chunk = blockIdx.x / column_blocks;
  const unsigned column = threadIdx.x % kSumColumns;
  const unsigned row_lane = threadIdx.x / kSumColumns;
  const int64_t d = blockIdx.x % column_blocks * kSumColumns + column;
  const int64_t last = (chunk + 1) * rows < T ? (chunk + 1) * rows : T;
  double sums[Term::kSums] = {};
  if (d < D)
    for (int64_t t = chunk * rows + row_lane; t < last; t += kSumLanes) term.add(t, d, sums);
  for (int s = 0; s < Term::kSums; ++s) parts[row_lane][s][column] = sums[s];
  __syncthreads();
  if (row_lane != 0 || d >= D) return;
  for (int s = 0; s < Term::kSums; ++s) {
    double total = 0;
    for (int i = 0; i < kSumLanes; ++i) total += parts[i][s][column];
    partial[(chunk * Term::kSums + s) * D + d] = total;
  }
}

// to[s][d] += the sums over all chunks; where to[s] is nullptr nothing is.
template <int kSums>
struct SumTargets {
  float* at[kSums];
};
template <int kSums>
__global__ void __launch_bounds__(256)
    add_partial_sums(const double* partial, SumTargets<kSums> to, int64_t D, int64_t chunks) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * 256 + threadIdx.x;
  if (i >= kSums * D) return;
  const int64_t d = i % D;
  float* target = nullptr;
#pragma unroll
  for (int s = 0; s < kSums; ++s)
    if (i / D == s) target = to.at[s];
  if (!target) return;
  double total = 0;
  for (int64_t chunk = 0; chunk < chunks; ++chunk) total += partial[chunk * kSums * D + i];
  target[d] = static_cast<float>(static_cast<double>(target[d]) + total);
}

template <typename Term>
void add_column_sums(Device& device, const Term& term, const SumTargets<Term::kSums>& to, int64_t T,
                     int64_t D) {
  if (T == 0 || D == 0) return;
  constexpr int64_t kMostChunks = 256;
  const int64_t rows = std::max<int64_t>(32, ceil_div(T, kMostChunks));
  const int64_t chunks = ceil_div(T, rows);
  const Scratch partial(device, chunks * Term::kSums * D * static_cast<int64_t>(sizeof(double)));
  launch(device, {chunks * ceil_div(D, kSumColumns), kSumColumns * kSumLanes}, partial_sums<Term>, term,
         partial.as<double>(), T, D, rows);
  launch(device, {ceil_div(Term::kSums * D, 256), 256}, add_partial_sums<Term::kSums>, partial.as<double>(),
         to, D, chunks);
}

}  // namespace outright::cuda
