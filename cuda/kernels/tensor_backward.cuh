// What the backward kernels of attention on tensor cores share.
#pragma once

#include "tensor_tiles.cuh"

namespace outright::cuda {

// What the queries of a tile bring along.
struct Rule {
  float lse, delta;  // lse in units of log2
  int32_t start, skip_from, skip_to;
  __device__ bool sees(int64_t t, int64_t j) const {
    return j <= t && j >= start && !(j >= skip_from && j < skip_to);
  }
};

__device__ inline Rule rule_of(const TensorBackward& in, int64_t h, int64_t t) {
  return {in.lse[t * in.H + h] * kLog2E, in.delta[t * in.H + h], in.sight.start[t], in.sight.skip_from[t],
          in.sight.skip_to[t]};
}

// A score and the product of gradient and value become the weight and the slope of their pair.
__device__ inline void pull(float& score, float& product, float lse, float delta, bool seen, float to_log2) {
  const float weight = seen ? power_of_two(score * to_log2 - lse) : 0.0f;
  product = seen ? weight * (product - delta) : 0.0f;
  score = weight;
}

// Rows first_row ... first_row + 15 of a tile.
template <int kC, typename Place>
__device__ inline void put(const HeadRows<bfloat16>& to, const FragmentC (&sums)[kC / 8],
                           const TileRows& rows, int first_row, int64_t C, float factor, bool accumulate,
                           const Place& place) {
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const int row = first_row + place.g + 8 * r;
    if (row >= rows.count) continue;
    bfloat16* at = to.data + (int64_t{rows.first} + row) * to.stride;
#pragma unroll
    for (int i = 0; i < kC / 4; ++i) {
      const int64_t column = i / 2 * 8 + place.t * 2 + i % 2;
      if (column < C)
        at[column] = narrow<bfloat16>((accumulate ? widen(at[column]) : 0.0f) +
                                      sums[i / 2].at[2 * r + i % 2] * factor);
    }
  }
}

// What the kernels walk through: two tiles of kRows at a time, of one and of the other matrix. With two
// buffers the next ones come in while these are worked on.
template <typename Products, int kC, int kBuffers, int kRows>
struct Stream {
  using Rows = Tile<Products, kC, kRows>;
  bfloat16* tiles;  // kBuffers times two
  __device__ Rows first(int turn) const { return {tiles + turn % kBuffers * 2 * Rows::kNumbers}; }
  __device__ Rows second(int turn) const { return {first(turn).end()}; }
  __device__ bfloat16* end() const { return tiles + kBuffers * 2 * Rows::kNumbers; }

  // Begins to fetch `count` rows from `begin` on for this turn.
  template <int kThreads>
  __device__ void fetch(int turn, const HeadRows<const bfloat16>& one, const HeadRows<const bfloat16>& other,
                        int64_t C, int64_t begin, int count) const {
    const auto row_of = [=](int row) { return row < count ? begin + row : int64_t{-1}; };
    fetch_tile<kThreads>(first(turn), one, C, row_of);
    fetch_tile<kThreads>(second(turn), other, C, row_of);
    close_copies();
  }
};

}  // namespace outright::cuda
