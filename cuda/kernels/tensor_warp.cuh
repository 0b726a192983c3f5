// Products of tiles by warps (mma.cuh), each of which multiplies its own rows when it is told to.
#pragma once

#include "tensor_tiles.cuh"

namespace outright::cuda {

struct WarpProducts {
  static constexpr int kTogether = 16;  // rows whose part of a product is taken by all of them or none

  // A warp has two parts of 16 where there are more than 64.
  template <int kRows>
  struct Block {
    static constexpr int kParts = kRows / kTileRows, kThreads = kTileRows / 16 * static_cast<int>(kWarp);
  };
  // Blocks that are to fit on a multiprocessor: as many as the registers of each allow.
  static constexpr int kBlocksOfQueries = 1, kBlocksOfKeys = 1;

  // Numbers behind a row, so that rows of a matrix lie in different banks.
  static constexpr int kPadding = 8;
  template <int kC, int kRows>
  static constexpr int kNumbers = kRows * (kC + kPadding);
  template <int kC, int kRows>
  __device__ static int place(int row, int column) {
    return row * (kC + kPadding) + column;
  }
  // All copies of this thread are there.
  __device__ static void wait_for_tiles() { wait_for_copies<0>(); }

  // to[p][i][j] = left[first_row + 16 p + i] . right[j]
  template <int kC, int kLeft, int kRight, int kParts>
  __device__ static void dots(FragmentC (&to)[kParts][kRight / 8], const Tile<WarpProducts, kC, kLeft>& left,
                              const Tile<WarpProducts, kC, kRight>& right, const WarpPlace<kParts>& at) {
    constexpr int kStride = kC + kPadding;
    const bfloat16* a_row = left.at(at.first_row + at.matrix % 2 * 8 + at.row, at.matrix / 2 * 8);
    const bfloat16* b_row = right.at(at.matrix / 2 * 8 + at.row, at.matrix % 2 * 8);
#pragma unroll
    for (int p = 0; p < kParts; ++p)
#pragma unroll
      for (int n = 0; n < kRight / 8; ++n) to[p][n] = {};
#pragma unroll
    for (int k = 0; k < kC; k += 16) {
      FragmentA a[kParts];
#pragma unroll
      for (int p = 0; p < kParts; ++p) load_matrices<false>(a[p].at, a_row + p * 16 * kStride + k);
#pragma unroll
      for (int n = 0; n < kRight / 8; n += 2) {
        uint32_t b[4];
        load_matrices<false>(b, b_row + n * 8 * kStride + k);
#pragma unroll
        for (int p = 0; p < kParts; ++p) {
          multiply_add(to[p][n], a[p], b[0], b[1]);
          multiply_add(to[p][n + 1], a[p], b[2], b[3]);
        }
      }
    }
  }

  // sums[p][i] += sum_j factors[p][i][j] rows[j]; factors are rounded to bfloat16.
  template <int kC, int kRows, int kParts>
  __device__ static void add_weighted(FragmentC (&sums)[kParts][kC / 8],
                                      const FragmentC (&factors)[kParts][kRows / 8],
                                      const Tile<WarpProducts, kC, kRows>& rows,
                                      const WarpPlace<kParts>& at) {
    constexpr int kStride = kC + kPadding;
    const bfloat16* b_row = rows.at(at.matrix % 2 * 8 + at.row, at.matrix / 2 * 8);
#pragma unroll
    for (int k = 0; k < kRows / 16; ++k) {
      FragmentA a[kParts];
#pragma unroll
      for (int p = 0; p < kParts; ++p) a[p] = as_operand(factors[p], k);
#pragma unroll
      for (int n = 0; n < kC / 8; n += 2) {
        uint32_t b[4];
        load_matrices<true>(b, b_row + k * 16 * kStride + n * 8);
#pragma unroll
        for (int p = 0; p < kParts; ++p) {
          multiply_add(sums[p][n], a[p], b[0], b[1]);
          multiply_add(sums[p][n + 1], a[p], b[2], b[3]);
        }
      }
    }
  }

  // Products are done when these calls return.
  template <typename... Sums>
  __device__ static void await(Sums&...) {}
};

}  // namespace outright::cuda
