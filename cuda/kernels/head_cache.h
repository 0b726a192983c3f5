// What the head's forward pass keeps for its backward pass: exponentials of the logits of the first tiles of
// the vocabulary, each relative to the largest of its row and tile, so that storing them in X costs a
// relative rounding only.
#pragma once

#include <algorithm>
#include <cstdint>

#include "shared/range.h"

namespace outright::cuda {

constexpr int64_t kTile = 1024;  // words whose statistics are taken together

// In a buffer of `count` elements of X: the largest logits [tiles][N] in units of log2, then exponentials
// [N][width] of each tile. No tile where data is NULL.
template <typename X>
struct HeadCache {
  X* data = nullptr;
  int64_t N = 0, V = 0, tiles = 0;

  // Elements in which the largest logits lie: a multiple of 16 bytes, so that packs behind them are aligned.
  static __host__ __device__ int64_t ahead(int64_t tiles, int64_t N) {
    return (tiles * N * 4 + 15) / 16 * (16 / static_cast<int64_t>(sizeof(X)));
  }
  static int64_t elements(int64_t tiles, int64_t N, int64_t V) {
    return ahead(tiles, N) + N * std::min(V, tiles * kTile);
  }
  // The most whole tiles that `count` elements hold.
  static int64_t most_tiles(int64_t count, int64_t N, int64_t V) {
    int64_t tiles = 0;
    while (tiles < ceil_div(V, kTile) && elements(tiles + 1, N, V) <= count) ++tiles;
    return tiles;
  }
  static HeadCache over(X* data, int64_t count, int64_t N, int64_t V) {
    // a view that begins anywhere may not hold floats
    if (data == nullptr || reinterpret_cast<uintptr_t>(data) % 16 != 0) return {};
    return {data, N, V, most_tiles(count, N, V)};
  }

  int64_t words() const { return std::min(V, tiles * kTile); }
  __host__ __device__ int64_t width(int64_t tile) const {
    return V - tile * kTile < kTile ? V - tile * kTile : kTile;
  }
  __host__ __device__ float* largest(int64_t tile, int64_t n) const {
    return reinterpret_cast<float*>(data) + tile * N + n;
  }
  __host__ __device__ X* row(int64_t tile, int64_t n) const {
    return data + ahead(tiles, N) + tile * N * kTile + n * width(tile);
  }
};

}  // namespace outright::cuda
