// The products that attention is made of, on a tile of at most 64 keys x 64 queries.
//
// Queries lie across the lanes of a vector and keys below one another, so that softmax statistics are one
// number per lane, keys and values are read as they lie in memory (one number at a time, broadcast), and only
// q and dout need a transposed copy. Every number is one chain of fused multiply-adds in order of c, of keys
// or of queries: neither the place of a query in its tile nor the tile's size shows in the bits.
//
// Query i of a tile sees its keys [0, ahead + i]. What lies beyond is never multiplied, not even by zero, so
// that a NaN in a later token does not reach an earlier one.
#pragma once

#include <algorithm>
#include <type_traits>

#include "shared/attention_shape.h"
#include "storage.h"
#include "transpose.h"

namespace outright::cpu {

inline constexpr int64_t kQueries = 64;
inline constexpr int64_t kKeys = 64;
inline constexpr int64_t kKeyRows = 8;  // rows of scores computed together, some beyond the last key
// Vectors of a row that are multiplied together, and rows: as many accumulators as leave room for operands.
inline constexpr int kGroup = kRegisters == 32 ? 4 : 2;
template <int NV>
inline constexpr int kRowsOf = NV * 8 <= kRegisters / 2 ? 8 : 4;

// A tile of at most kKeys keys and kQueries queries.
struct Tile {
  int64_t keys, queries;
  int64_t ahead;  // the last key that query 0 sees; may be below 0 or beyond the last key

  int64_t vectors() const { return ceil_div(queries, kLanes); }
  // How many of the first keys every query of vector v sees, and how many at least one of them.
  int64_t seen_by_all(int64_t v) const { return std::clamp<int64_t>(ahead + v * kLanes + 1, 0, keys); }
  int64_t seen_by_any(int64_t v) const { return std::clamp<int64_t>(ahead + (v + 1) * kLanes, 0, keys); }
  // The lanes of vector v that see key j.
  IntVec sees(int64_t v, int64_t j) const {
    return lane_index() >= static_cast<int32_t>(j - ahead - v * kLanes);
  }
  // The first vector, and the first query, that sees key j.
  int64_t first_vector(int64_t j) const { return j <= ahead ? 0 : (j - ahead) / kLanes; }
  int64_t first_query(int64_t j) const { return std::max<int64_t>(0, j - ahead); }
};

// Calls body(std::integral_constant<int, n>) for 1 <= n <= Most.
template <int Most, typename Body>
void with_count(int64_t n, const Body& body) {
  if (n == Most)
    body(std::integral_constant<int, Most>{});
  else if constexpr (Most > 1)
    with_count<Most - 1>(n, body);
}

// ---- operands ----
// Scores are dot products over c. Where the processor multiplies pairs of bfloat16, their operands keep their
// storage type and a word of 32 bits holds two neighbours c; else a word is one float32.

#if defined(__AVX512BF16__)
template <typename X>
inline constexpr bool kPaired = std::is_same_v<X, bfloat16>;
#else
template <typename X>
inline constexpr bool kPaired = false;
#endif

template <typename X>
int64_t words_of(int64_t C) {
  return kPaired<X> ? ceil_div(C, 2) : C;
}

// to[i][c] = head[first + i][c] in float32; zeros from C up to `width`, a multiple of kLanes.
template <typename X>
void copy_rows(const Head<const X>& head, int64_t first, int64_t rows, int64_t C, float* to, int64_t width) {
  for (int64_t i = 0; i < rows; ++i) {
    const X* from = head.row(first + i);
    float* row = to + i * width;
    for (int64_t c = 0; c < width; c += kLanes)
      store(row + c, load_n(from + c, std::clamp<int64_t>(C - c, 0, kLanes)));
  }
}

// Asks for rows that will soon be copied.
template <typename X>
void prefetch_rows(const Head<const X>& head, int64_t first, int64_t rows, int64_t C) {
  constexpr auto kLine = static_cast<int64_t>(64 / sizeof(X));
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t c = 0; c < C; c += kLine) __builtin_prefetch(head.row(first + i) + c);
}

// The same in words; zeros from the last one up to `width` words.
template <typename X>
void copy_words(const Head<const X>& head, int64_t first, int64_t rows, int64_t C, float* to, int64_t width) {
  if constexpr (kPaired<X>) {
    for (int64_t i = 0; i < rows; ++i) {
      auto* row = reinterpret_cast<bfloat16*>(to + i * width);
      std::copy_n(head.row(first + i), C, row);
      std::fill(row + C, row + 2 * width, bfloat16{0});
    }
    return;
  }
  copy_rows(head, first, rows, C, to, width);
}

// to[w][i] = rows[i][w] for w in [0, width), i in [0, queries); zeros up to the next whole vector.
inline void transpose_queries(const float* rows, int64_t width, int64_t queries, float* to) {
  for (int64_t i = 0; i < queries; i += kLanes) {
    for (int64_t w = 0; w < width; w += kLanes) {
      Vec block[kLanes];
      for (int64_t r = 0; r < kLanes; ++r)
        block[r] = i + r < queries ? load(rows + (i + r) * width + w) : Vec{};
      transpose(block);
      for (int64_t r = 0; r < kLanes; ++r) store(to + (w + r) * kQueries + i, block[r]);
    }
  }
}

// Calls body(i, c, n, vector) with n numbers of row i from c on, for a matrix that lies transposed.
template <typename Body>
void for_transposed(const float* columns, int64_t queries, int64_t C, const Body& body) {
  for (int64_t i = 0; i < queries; i += kLanes) {
    for (int64_t c = 0; c < C; c += kLanes) {
      Vec block[kLanes];
      for (int64_t r = 0; r < kLanes; ++r) block[r] = load(columns + (c + r) * kQueries + i);
      transpose(block);
      const int64_t rows = std::min<int64_t>(kLanes, queries - i);
      for (int64_t r = 0; r < rows; ++r) body(i + r, c, std::min<int64_t>(kLanes, C - c), block[r]);
    }
  }
}

// ---- products ----

template <bool Paired>
inline Vec multiply_word(Vec x, const float* y, Vec sum) {
#if defined(__AVX512BF16__)
  if constexpr (Paired) {
    int32_t word;
    std::memcpy(&word, y, sizeof word);
    return (Vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)x, (__m512bh)_mm512_set1_epi32(word));
  }
#endif
  return fma(x, splat(*y), sum);
}

template <bool Paired, int NV, int R>
inline void score_block(int64_t words, const float* xT, const float* y, int64_t width, float factor,
                        float* s) {
  Vec sum[R][NV] = {};
  for (int64_t w = 0; w < words; ++w) {
    Vec x[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) x[v] = load(xT + w * kQueries + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) sum[r][v] = multiply_word<Paired>(x[v], y + r * width + w, sum[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) store(s + r * kQueries + v * kLanes, sum[r][v] * factor);
  }
}

// s[j][i] = factor sum_w xT[w][i] y[j][w] for every key j and the vectors of queries that see it; what is
// written for others is not to be used. Whole groups of kKeyRows rows of y are read.
template <bool Paired>
void score_tile(const Tile& tile, int64_t words, const float* xT, const float* y, int64_t width, float factor,
                float* s) {
  for (int64_t j = 0; j < tile.keys; j += kKeyRows) {
    for (int64_t v = tile.first_vector(j); v < tile.vectors(); v += kGroup) {
      with_count<kGroup>(std::min<int64_t>(kGroup, tile.vectors() - v), [&](auto vectors) {
        constexpr int kRows = kRowsOf<vectors>;
        for (int64_t r = j; r < j + kKeyRows; r += kRows)
          score_block<Paired, vectors, kRows>(words, xT + v * kLanes, y + r * width, width, factor,
                                              s + r * kQueries + v * kLanes);
      });
    }
  }
}

// acc[c][i] += sum_j y[j][c] w[j][i] over the keys j that query i sees, in order of j.
template <int NV>
void add_column_group(const Tile& tile, int64_t first, int64_t C, const float* w, const float* y,
                      int64_t width, float* acc) {
  constexpr int R = kRowsOf<NV>;
  w += first * kLanes;
  acc += first * kLanes;
  for (int64_t c = 0; c < C; c += R) {
    Vec sum[R][NV];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) sum[r][v] = load(acc + (c + r) * kQueries + v * kLanes);
    }
    const int64_t common = tile.seen_by_all(first);
    for (int64_t j = 0; j < common; ++j) {
      Vec weight[NV];
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) weight[v] = load(w + j * kQueries + v * kLanes);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const Vec yc = splat(y[j * width + c + r]);
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) sum[r][v] = fma(weight[v], yc, sum[r][v]);
      }
    }
    // Then the keys that some lanes of one vector see and all lanes of those behind it.
    const auto edge = [&](auto number) {
      constexpr int kEdge = number;
      const int64_t end =
          kEdge + 1 < NV ? tile.seen_by_all(first + kEdge + 1) : tile.seen_by_any(first + kEdge);
      for (int64_t j = tile.seen_by_all(first + kEdge); j < end; ++j) {
        const IntVec sees = tile.sees(first + kEdge, j);
        Vec weight[NV];
#pragma GCC unroll 4
        for (int v = kEdge; v < NV; ++v) weight[v] = load(w + j * kQueries + v * kLanes);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
          const Vec yc = splat(y[j * width + c + r]);
          sum[r][kEdge] = select(sees, fma(weight[kEdge], yc, sum[r][kEdge]), sum[r][kEdge]);
#pragma GCC unroll 4
          for (int v = kEdge + 1; v < NV; ++v) sum[r][v] = fma(weight[v], yc, sum[r][v]);
        }
      }
    };
    if (common < tile.keys) {
      edge(std::integral_constant<int, 0>{});
      if constexpr (NV > 1) edge(std::integral_constant<int, 1>{});
      if constexpr (NV > 2) edge(std::integral_constant<int, 2>{});
      if constexpr (NV > 3) edge(std::integral_constant<int, 3>{});
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) store(acc + (c + r) * kQueries + v * kLanes, sum[r][v]);
    }
  }
}
inline void add_columns(const Tile& tile, int64_t C, const float* w, const float* y, int64_t width,
                        float* acc) {
  for (int64_t v = 0; v < tile.vectors(); v += kGroup)
    with_count<kGroup>(std::min<int64_t>(kGroup, tile.vectors() - v),
                       [&](auto vectors) { add_column_group<vectors>(tile, v, C, w, y, width, acc); });
}

// acc[r][c] += sum_i w[r][i] x[i][c] for R rows, NV vectors of c and queries i in [begin, end), in order of
// i.
template <int NV, int R>
inline void add_row_block(int64_t begin, int64_t end, const float* w, const float* x, int64_t width,
                          float* acc) {
  if (begin >= end) return;
  Vec sum[R][NV];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) sum[r][v] = load(acc + r * width + v * kLanes);
  }
  for (int64_t i = begin; i < end; ++i) {
    Vec xi[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) xi[v] = load(x + i * width + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Vec weight = splat(w[r * kQueries + i]);
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) sum[r][v] = fma(weight, xi[v], sum[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) store(acc + r * width + v * kLanes, sum[r][v]);
  }
}

// acc[j][c] += sum_i w[j][i] x[i][c] over the queries i that see key j, in order of i.
inline void add_rows(const Tile& tile, int64_t C, const float* w, const float* x, int64_t width, float* acc) {
  const int64_t all = ceil_div(C, kLanes);
  for (int64_t v = 0; v < all; v += kGroup) {
    with_count<kGroup>(std::min<int64_t>(kGroup, all - v), [&](auto vectors) {
      for (int64_t j = 0; j < tile.keys; j += kRowsOf<vectors>) {
        with_count<kRowsOf<vectors>>(std::min<int64_t>(kRowsOf<vectors>, tile.keys - j), [&](auto rows) {
          const float* wj = w + j * kQueries;
          const float* xv = x + v * kLanes;
          float* to = acc + j * width + v * kLanes;
          // Queries that see only some of the rows come first, row by row.
          const int64_t common = std::min(tile.queries, tile.first_query(j + rows - 1));
          for (int64_t r = 0; r + 1 < rows; ++r)
            add_row_block<vectors, 1>(tile.first_query(j + r), common, wj + r * kQueries, xv, width,
                                      to + r * width);
          add_row_block<vectors, rows>(common, tile.queries, wj, xv, width, to);
        });
      }
    });
  }
}

// e^x for x <= 0 or little above: e^x, of which the largest is 1, is off by at most 1.3e-7 of 1; below 1e-38
// it is 0. The weights of a softmax need no more, and this takes half the time of exp(). 2^r for |r| <= 1/2
// is a polynomial with the smallest relative error (9.2e-8) among those that give 1 for 0.
inline Vec softmax_weight(Vec x) {
  x = x * 1.44269504088896341f;
  x = max(splat(-127.0f), x);  // NaN stays
#if defined(__AVX512F__)
  const Vec n = (Vec)_mm512_maskz_roundscale_ps(0xffff, (__m512)x, 0x08);
#else
  x = x > 128.0f ? splat(128.0f) : x;     // 2^128 is infinite
  const Vec kRound = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  const Vec shifted = x + kRound;
  const Vec n = shifted - kRound;
#endif
  const Vec r = x - n;
  Vec p = splat(1.326472731307149e-3f);
  p = fma(p, r, splat(9.671512991189957e-3f));
  p = fma(p, r, splat(5.550733581185341e-2f));
  p = fma(p, r, splat(2.402224242687227e-1f));
  p = fma(p, r, splat(6.931470036506653e-1f));
  p = fma(p, r, splat(1.0f));
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_scalef_ps(0xffff, (__m512)p, (__m512)n);
#else
  const IntVec exponent = (IntVec)shifted - (IntVec)kRound;
  return p * (Vec)((exponent + 127) << 23);
#endif
}

}  // namespace outright::cpu
