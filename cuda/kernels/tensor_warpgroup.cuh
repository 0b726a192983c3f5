// Products of tiles by warpgroups (wgmma.cuh): four warps multiply 64 rows together, which reads the other
// side once for all of them and leaves the warps free until they await it.
#pragma once

#include "tensor_tiles.cuh"
#include "wgmma.cuh"

namespace outright::cuda {

struct WarpgroupProducts {
  static constexpr int kTogether = 64;  // rows whose part of a product is taken by all of them or none

  // A warpgroup for each 64.
  template <int kRows>
  struct Block {
    static constexpr int kParts = 1, kThreads = kRows / kTileRows * kWarpgroup;
  };
  // Blocks that are to fit on a multiprocessor, so that some compute weights while others multiply.
  static constexpr int kBlocksOfQueries = 2, kBlocksOfKeys = 2;

  template <int kC, int kRows>
  static constexpr int kNumbers = kRows * kC;
  template <int kC, int kRows>
  __device__ static int place(int row, int column) {
    return panel_place<kRows>(row, column);
  }
  // All copies of this thread are there, and may be handed on.
  __device__ static void wait_for_tiles() {
    wait_for_copies<0>();
    hand_over_to_products();
  }

  // to[i][j] = left[i] . right[j] for the 64 rows of this warpgroup, when it has been awaited.
  template <int kC, int kLeft>
  __device__ static void dots(FragmentC (&to)[1][kBlocks], const Tile<WarpgroupProducts, kC, kLeft>& left,
                              const Tile<WarpgroupProducts, kC>& right, const WarpPlace<>& at) {
    const bfloat16* own = left.data + at.first_row / kTileRows * kTileRows * kPanelColumns;
    order_registers();
#pragma unroll
    for (int k = 0; k < kC; k += 16)
      multiply_rows(to[0], sixteen_columns<kLeft>(own, k), sixteen_columns<kTileRows>(right.data, k), k > 0);
    close_products();
  }

  // The same with rows that lie in registers, a warp's 16 each.
  template <int kC>
  __device__ static void dots(FragmentC (&to)[1][kBlocks], const FragmentA (&left)[kC / 16],
                              const Tile<WarpgroupProducts, kC>& right) {
    order_registers();
#pragma unroll
    for (int k = 0; k < kC; k += 16)
      multiply_rows(to[0], left[k / 16], sixteen_columns<kTileRows>(right.data, k), k > 0);
    close_products();
  }
  template <int kC, int kRows>
  __device__ static void load_left(FragmentA (&to)[kC / 16], const Tile<WarpgroupProducts, kC, kRows>& from,
                                   const WarpPlace<>& at) {
#pragma unroll
    for (int k = 0; k < kC; k += 16)
      load_matrices<false>(to[k / 16].at,
                           from.at(at.first_row + at.matrix % 2 * 8 + at.row, k + at.matrix / 2 * 8));
  }

  // sums[i] += sum_j factors[i][j] rows[j], when it has been awaited; factors are rounded to bfloat16.
  template <int kC>
  __device__ static void add_weighted(FragmentC (&sums)[1][kC / 8], const FragmentC (&factors)[1][kBlocks],
                                      const Tile<WarpgroupProducts, kC>& rows, const WarpPlace<>&) {
    FragmentA operands[kTileRows / 16];
    as_operands(operands, factors);
    add_weighted(sums, operands, rows);
  }
  __device__ static void as_operands(FragmentA (&to)[kTileRows / 16],
                                     const FragmentC (&factors)[1][kBlocks]) {
#pragma unroll
    for (int k = 0; k < kTileRows / 16; ++k) to[k] = as_operand(factors[0], k);
  }
  template <int kC>
  __device__ static void add_weighted(FragmentC (&sums)[1][kC / 8],
                                      const FragmentA (&factors)[kTileRows / 16],
                                      const Tile<WarpgroupProducts, kC>& rows) {
    order_registers();
#pragma unroll
    for (int k = 0; k < kTileRows / 16; ++k)
      multiply_weighted(sums[0], factors[k],
                        describe(rows.data + k * 16 * kPanelColumns, kTileRows * kPanelColumns * 2));
    close_products();
  }

  // All products queued by this warpgroup but those of the kLater latest calls are done, and these are sums
  // of theirs.
  template <int kLater = 0, typename... Sums>
  __device__ static void await(Sums&... sums) {
    wait_for_products<kLater>();
    (hold(sums[0]), ...);
  }

 private:
  // Of a tile of kRows, from column k on; they lie in one panel.
  template <int kRows>
  __device__ static uint64_t sixteen_columns(const bfloat16* tile, int k) {
    constexpr int kUnused = 16;
    return describe(tile + k / kPanelColumns * kRows * kPanelColumns + k % kPanelColumns, kUnused);
  }
};

}  // namespace outright::cuda
