// The products that attention of a single query is made of: a vector holds scores of neighbouring keys, or
// neighbouring numbers of the output. Every number is the same chain of operations as in a tile of queries
// (attention_tiles.h), so that its bits are too.
#pragma once

#include <cmath>

#include "attention_tiles.h"
#include "matmul_units.h"

namespace outright::cpu::single {

// s[j] = factor sum_w x[w] y[first + j][w] for `keys` rows of y; what is written up to the next whole vector
// is not to be used.
template <typename X>
void scores(const Head<const X>& y, int64_t first, int64_t keys, int64_t C, const float* x, float factor,
            float* s) {
  const int64_t words = words_of<X>(C);
  for (int64_t j = 0; j < keys; j += kLanes) {
    Vec sum = {};
    for (int64_t w = 0; w < words; w += kLanes) {
      const int64_t c = w * matmul::kPerUnit<X>;
      Vec square[kLanes];
      matmul::load_square(y.row(first + j) + c, y.stride, keys - j, C - c, square);
      const int64_t deep = std::min<int64_t>(kLanes, words - w);
#pragma GCC unroll 16
      for (int u = 0; u < kLanes; ++u) {
        if (u == deep) break;
        sum = multiply_word<kPaired<X>>(square[u], x + w + u, sum);
      }
    }
    store(s + j, sum * factor);
  }
}

// The running maximum of a query's scores and the sum of their weights relative to it.
struct Softmax {
  float max = -INFINITY;
  float sum = 0.0f;

  // Turns scores into weights relative to the largest so far. Returns what earlier weights are worth now.
  float weigh(float* s, int64_t keys) {
    Vec largest = splat(max);
    for_vectors(keys, [&](int64_t j, int64_t lanes) {
      const Vec scores = select(first_lanes(lanes), load(s + j), splat(-INFINITY));
      largest = outright::cpu::max(scores, largest);
    });
    const float before = max;
    max = max_lanes(largest);
    // Where there is no number yet, any will do.
    const float base = max == -INFINITY ? 0.0f : max;
    for (int64_t j = 0; j < keys; j += kLanes) store(s + j, softmax_weight(load(s + j) - splat(base)));
    const float factor = softmax_weight(splat(before - base))[0];
    sum *= factor;
    for (int64_t j = 0; j < keys; ++j) sum += s[j];
    return factor;
  }

  // Scores of -infinity only have no softmax.
  float inverse() {
    if (max == -INFINITY) sum = NAN;
    return 1.0f / sum;
  }
};

inline void scale(float* o, int64_t width, float factor) {
  for (int64_t c = 0; c < width; c += kLanes) store(o + c, load(o + c) * factor);
}

// o[c] += sum_j w[j] y[first + j][c] over `keys` rows of y, in order of j.
template <typename X>
void add(const Head<const X>& y, int64_t first, int64_t keys, int64_t C, const float* w, float* o) {
  if (keys == 0) return;
  for (int64_t c = 0; c < C; c += kGroup * kLanes) {
    with_count<kGroup>(std::min<int64_t>(kGroup, ceil_div(C - c, kLanes)), [&](auto vectors) {
      constexpr int NV = vectors;
      const int64_t last = std::min<int64_t>(kLanes, C - c - (NV - 1) * kLanes);
      Vec sum[NV];
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) sum[v] = load(o + c + v * kLanes);
      for (int64_t j = 0; j < keys; ++j) {
        const X* row = y.row(first + j) + c;
        const Vec weight = splat(w[j]);
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v)
          sum[v] = fma(weight, load_n(row + v * kLanes, v + 1 < NV ? kLanes : last), sum[v]);
      }
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) store(o + c + v * kLanes, sum[v]);
    });
  }
}

}  // namespace outright::cpu::single
