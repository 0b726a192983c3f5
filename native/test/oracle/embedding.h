// Float64 oracle of the embedding table and of row gathering: both copy rows forward and add rows backward.
#pragma once

#include <cstdint>

namespace outright::oracle {

// y[T,D] = table[ids[T], :].
inline void Embedding(const int32_t* ids, const double* table, double* y, int64_t T, int64_t D) {
  for (int64_t t = 0; t < T; ++t) {
    for (int64_t d = 0; d < D; ++d) y[t * D + d] = table[ids[t] * D + d];
  }
}

// dtable[ids[t], :] += dy[t, :], in token order.
inline void EmbeddingBackward(const int32_t* ids, const double* dy, double* dtable, int64_t T, int64_t D) {
  for (int64_t t = 0; t < T; ++t) {
    for (int64_t d = 0; d < D; ++d) dtable[ids[t] * D + d] += dy[t * D + d];
  }
}

// y[N,D] = x[rows[N], :].
inline void GatherRows(const double* x, const int32_t* rows, double* y, int64_t N, int64_t D) {
  Embedding(rows, x, y, N, D);
}

// dx[rows[n], :] += dy[n, :]; dx[T,D] is zeroed first unless `accumulate`.
inline void GatherRowsBackward(const double* dy, const int32_t* rows, double* dx, int64_t N, int64_t T,
                               int64_t D, bool accumulate) {
  if (!accumulate) {
    for (int64_t i = 0; i < T * D; ++i) dx[i] = 0.0;
  }
  EmbeddingBackward(rows, dy, dx, N, D);
}

}  // namespace outright::oracle
