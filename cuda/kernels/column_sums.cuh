// Sums over the rows of a matrix, one for each column: gradients of norms and biases. A thread sums up to 32
// numbers in float32, what follows is float64; the partition depends on the shape alone.
#pragma once

#include <algorithm>

#include "each.cuh"
#include "number.cuh"
#include "runtime/launch.h"

namespace outright::cuda {

constexpr int kSumLanes = 8;  // rows that a block looks at at once
constexpr int kSumThreads = kSumLanes * 32;
constexpr int64_t kMostRows = 32 * kSumLanes;  // of a chunk

// A term has `static constexpr int kSums` and `template <int n> void add(int64_t t, int64_t d, Floats<n>*
// sums) const`, which adds what row t has at columns d ... d + n - 1 to kSums sums. partial[chunk, s, d] =
// the sums over the rows of a chunk.
template <int n, typename Term>
__global__ void __launch_bounds__(kSumThreads)
    partial_sums(Term term, float* partial, int64_t T, int64_t D, int64_t rows) {
  __shared__ float parts[kSumLanes][Term::kSums][32 * n];
  const int64_t column_blocks = (D + 32 * n - 1) / (32 * n);
  const int64_t chunk = blockIdx.x / column_blocks;
  const unsigned column = threadIdx.x % 32 * n;
  const unsigned row_lane = threadIdx.x / 32;
  const int64_t first = blockIdx.x % column_blocks * 32 * n;
  const int64_t last = (chunk + 1) * rows < T ? (chunk + 1) * rows : T;
  Floats<n> sums[Term::kSums] = {};
  if (first + column < D)
    for (int64_t t = chunk * rows + row_lane; t < last; t += kSumLanes)
      term.template add<n>(t, first + column, sums);
#pragma unroll
  for (int s = 0; s < Term::kSums; ++s)
#pragma unroll
    for (int k = 0; k < n; ++k) parts[row_lane][s][column + k] = sums[s].at[k];
  __syncthreads();
  for (unsigned i = threadIdx.x; i < Term::kSums * 32 * n; i += kSumThreads) {
    const unsigned s = i / (32 * n), at = i % (32 * n);
    if (first + at >= D) continue;
    double total = 0;
    for (unsigned lane = 0; lane < kSumLanes; ++lane) total += static_cast<double>(parts[lane][s][at]);
    partial[(chunk * Term::kSums + s) * D + first + at] = static_cast<float>(total);
  }
}

// to[s][d] += the sums over all chunks; where to[s] is nullptr nothing is.
template <int kSums>
struct SumTargets {
  float* at[kSums];
};
template <int kSums>
__global__ void __launch_bounds__(kSumThreads)
    add_partial_sums(const float* partial, SumTargets<kSums> to, int64_t D, int64_t chunks) {
  __shared__ double parts[kSumLanes][32];
  const unsigned column = threadIdx.x % 32, lane = threadIdx.x / 32;
  const int64_t i = static_cast<int64_t>(blockIdx.x) * 32 + column;
  double sum = 0;
  if (i < kSums * D)
    for (int64_t chunk = lane; chunk < chunks; chunk += kSumLanes)
      sum += static_cast<double>(partial[chunk * kSums * D + i]);
  parts[lane][column] = sum;
  __syncthreads();
  if (lane != 0 || i >= kSums * D) return;
  float* target = nullptr;
#pragma unroll
  for (int s = 0; s < kSums; ++s)
    if (i / D == s) target = to.at[s];
  if (!target) return;
  double total = 0;
  for (unsigned other = 0; other < kSumLanes; ++other) total += parts[other][column];
  target[i % D] = static_cast<float>(static_cast<double>(target[i % D]) + total);
}

// Of partial[chunks, kSums, D].
template <int kSums>
void add_chunks(Device& device, const float* partial, const SumTargets<kSums>& to, int64_t D,
                int64_t chunks) {
  launch(device, {ceil_div(kSums * D, 32), kSumThreads}, add_partial_sums<kSums>, partial, to, D, chunks);
}

// `pointers` are those that the term reads n numbers of X at.
template <typename X, typename Term>
void add_column_sums(Device& device, const Term& term, std::initializer_list<const void*> pointers,
                     const SumTargets<Term::kSums>& to, int64_t T, int64_t D) {
  if (T == 0 || D == 0) return;
  constexpr int kPack = static_cast<int>(16 / sizeof(X));
  const int64_t rows = std::clamp<int64_t>(ceil_div(T, 256), 32, kMostRows);
  const int64_t chunks = ceil_div(T, rows);
  const Scratch partial(device, chunks * Term::kSums * D * static_cast<int64_t>(sizeof(float)));
  if (D % kPack == 0 && elements_at_once<X>(pointers) == kPack)
    launch(device, {chunks * ceil_div(D, 32 * kPack), kSumThreads}, partial_sums<kPack, Term>, term,
           partial.as<float>(), T, D, rows);
  else
    launch(device, {chunks * ceil_div(D, 32), kSumThreads}, partial_sums<1, Term>, term, partial.as<float>(),
           T, D, rows);
  add_chunks<Term::kSums>(device, partial.as<float>(), to, D, chunks);
}

}  // namespace outright::cuda
