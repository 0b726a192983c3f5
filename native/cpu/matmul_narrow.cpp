// The product of a few rows with weights that are used once: squares of weights are turned in registers and
// multiplied at once, where multiply() would first have them written to panels that hardly anyone reads.
#include "matmul_units.h"

namespace outright::cpu::matmul {

namespace {

// Units ahead of the sums that weights are asked for: rows far apart are no stream that the processor sees.
constexpr int64_t kAhead = 8 * kLanes;

// to[units][m] of a[m,k]; what lacks of the last unit is zero.
template <typename X>
void pack_rows(int64_t m, int64_t k, const X* a, int64_t lda, float* to) {
  for (int64_t row = 0; row < m; ++row) {
    for (int64_t unit = 0; unit < units<X>(k); unit += kLanes) {
      const int64_t left = k - unit * kPerUnit<X>;
      const Vec lanes = load_units(a + row * lda + unit * kPerUnit<X>, left);
      const int64_t here = std::min<int64_t>(kLanes, units<X>(left));
      for (int64_t u = 0; u < here; ++u) to[(unit + u) * m + row] = lanes[u];
    }
  }
}

// Vectors of columns whose sums grow side by side: one chain of products of pairs takes longer than its
// weights take to come.
template <typename X, int R>
inline constexpr int kVectors = kPairs<X> && R == 1 ? 2 : 1;

// C[R,n] = A[R,k] B[n,k]^T for n <= kVectors * kLanes columns; `next` are the rows of B that come after
// these.
template <typename X, int R>
void columns(int64_t n, int64_t k, const float* a, const X* b, const X* next, int64_t ldb, float* c,
             int64_t ldc) {
  constexpr int V = kVectors<X, R>;
  const int64_t all = units<X>(k);
  const int64_t step = block_units<X>(k);
  Vec total[V][R] = {};
  for (int64_t block = 0; block < all; block += step) {
    const int64_t end = std::min(all, block + step);
    Vec sum[V][R] = {};
    for (int64_t unit = block; unit < end; unit += kLanes) {
      const int64_t ahead = unit + kAhead;
      const X* soon =
          ahead < all ? b + ahead * kPerUnit<X> : next + std::min(ahead - all, all - 1) * kPerUnit<X>;
      const int64_t deep = std::min<int64_t>(kLanes, end - unit);
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) {
        const int64_t first = v * kLanes;
        if (n >= first + kLanes) {
#pragma GCC unroll 16
          for (int i = 0; i < kLanes; ++i) __builtin_prefetch(soon + (first + i) * ldb);
        }
        Vec square[kLanes];
        load_square(b + first * ldb + unit * kPerUnit<X>, ldb, n - first, k - unit * kPerUnit<X>, square);
#pragma GCC unroll 16
        for (int u = 0; u < kLanes; ++u) {
          if (u == deep) break;
#pragma GCC unroll 8
          for (int r = 0; r < R; ++r)
            sum[v][r] = multiply_add<X>(splat(a[(unit + u) * R + r]), square[u], sum[v][r]);
        }
      }
    }
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) total[v][r] = block == 0 ? sum[v][r] : total[v][r] + sum[v][r];
    }
  }
#pragma GCC unroll 2
  for (int v = 0; v < V; ++v) {
    const int64_t here = std::clamp<int64_t>(n - v * kLanes, 0, kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) store_n(c + r * ldc + v * kLanes, total[v][r], here);
  }
}

// The same for any n, where R is the m that is asked for.
template <typename X, int R>
void rows(int64_t m, int64_t n, int64_t k, const float* a, const X* b, int64_t ldb, float* c, int64_t ldc) {
  if constexpr (R > 1) {
    if (m < R) return rows<X, R - 1>(m, n, k, a, b, ldb, c, ldc);
  }
  constexpr int64_t kStep = kVectors<X, R> * kLanes;
  for (int64_t column = 0; column < n; column += kStep) {
    const X* from = b + column * ldb;
    columns<X, R>(std::min(kStep, n - column), k, a, from, column + kStep < n ? from + kStep * ldb : from,
                  ldb, c + column, ldc);
  }
}

}  // namespace

template <typename X>
int64_t narrow_scratch(int64_t k) {
  return kNarrowRows * units<X>(k);
}

template <typename X>
void multiply_narrow(int64_t m, int64_t n, int64_t k, const X* a, int64_t lda, const X* b, int64_t ldb,
                     float* c, int64_t ldc, float* scratch) {
  if (k == 0) {
    for (int64_t i = 0; i < m; ++i) std::fill_n(c + i * ldc, n, 0.0f);
    return;
  }
  pack_rows(m, k, a, lda, scratch);
  rows<X, kNarrowRows>(m, n, k, scratch, b, ldb, c, ldc);
}

#define OUTRIGHT_INSTANTIATE(X)                                                                             \
  template int64_t narrow_scratch<X>(int64_t);                                                              \
  template void multiply_narrow<X>(int64_t, int64_t, int64_t, const X*, int64_t, const X*, int64_t, float*, \
                                   int64_t, float*)
OUTRIGHT_INSTANTIATE(float);
OUTRIGHT_INSTANTIATE(bfloat16);

}  // namespace outright::cpu::matmul
