// What the plain attention kernels share: tiles of rows in shared memory, 8 threads for each row of a tile.
#pragma once

#include "attention_tiles.h"
#include "reduce.cuh"
#include "runtime/launch.h"
#include "shared/attention_shape.h"

namespace outright::cuda {

constexpr int kRowThreads = 8;

// Rows of a tile, and the most numbers of a head, by template: 32 rows up to 128 numbers, 16 up to 256.
template <int kRows_, int kMostC_>
struct AttentionTile {
  static constexpr int kRows = kRows_;
  static constexpr int kMostC = kMostC_;
  static constexpr int kThreads = kRows * kRowThreads;
  static constexpr int kScores = kRows / kRowThreads;    // of a thread, of one tile
  static constexpr int kOutputs = kMostC / kRowThreads;  // numbers of a thread's row that are its own
};

// Calls body(Tile{}) with the tile for heads of C numbers.
template <typename Body>
void with_attention_tile(int64_t C, const Body& body) {
  if (C <= 64)
    body(AttentionTile<32, 64>{});
  else if (C <= 128)
    body(AttentionTile<32, 128>{});
  else if (C <= 256)
    body(AttentionTile<16, 256>{});
  else
    fail(OUTRIGHT_UNSUPPORTED, "attention: heads of %lld numbers; the CUDA backend takes up to 256",
         static_cast<long long>(C));
}

// Who sees whom: token t sees keys j with start[t] <= j <= t and not skip_from[t] <= j < skip_to[t].
struct Sight {
  const int32_t *start, *skip_from, *skip_to;
  __device__ bool sees(int64_t t, int64_t j) const {
    return j <= t && j >= start[t] && !(j >= skip_from[t] && j < skip_to[t]);
  }
};

// Lists of tiles on the device.
struct OnTiles {
  const int32_t *begins, *others;
};

// What an entry of DocumentTiles says.
struct MetTile {
  int32_t tile;
  bool all_seen;
};
__device__ inline MetTile met_tile(int32_t entry) { return {entry / 2, entry % 2 == 1}; }

// A head of q, k, v, o or a gradient: token t's numbers start at data + t * stride.
template <typename X>
struct HeadRows {
  X* data;
  int64_t stride;
};
// All heads of one of them.
template <typename X>
struct AllHeads {
  X* data;
  int64_t offset, token_stride, head_stride;
  __device__ HeadRows<X> head(int64_t h) const { return {data + offset + h * head_stride, token_stride}; }
};
template <typename X>
AllHeads<X> all_heads(X* data, const Heads& heads) {
  return {data, heads.offset, heads.token_stride, heads.head_stride};
}

// A tile of rows in shared memory, one number of padding each; rows beyond T are zero.
template <typename Tile, typename X>
__device__ inline void load_rows(float* to, const HeadRows<X>& from, int64_t first, int64_t T, int64_t C) {
  for (int64_t i = threadIdx.x; i < Tile::kRows * C; i += Tile::kThreads) {
    const int64_t row = i / C, c = i % C;
    to[row * (C + 1) + c] = first + row < T ? widen(from.data[(first + row) * from.stride + c]) : 0.0f;
  }
}

__device__ inline float dot(const float* a, const float* b, int64_t C) {
  float sum = 0.0f;
  for (int64_t c = 0; c < C; ++c) sum += a[c] * b[c];
  return sum;
}

// Over the threads of one row.
template <typename Join>
__device__ inline float row_reduce(float value, Join join) {
#pragma unroll
  for (unsigned offset = kRowThreads / 2; offset > 0; offset /= 2)
    value = join(value, __shfl_xor_sync(kAllLanes, value, offset));
  return value;
}

// sums[c] += sum over the rows of a tile of factors[row] * rows[row, c]; rows of factor zero do not matter.
template <typename Tile>
__device__ inline void add_rows(float* sums, const float* factors, const float* rows, int64_t lane,
                                int64_t C) {
  for (int c = 0; c < Tile::kOutputs; ++c) {
    const int64_t column = lane + c * kRowThreads;
    if (column >= C) break;
    for (int i = 0; i < Tile::kRows; ++i)
      if (factors[i] != 0.0f) sums[c] += factors[i] * rows[i * (C + 1) + column];
  }
}

}  // namespace outright::cuda
