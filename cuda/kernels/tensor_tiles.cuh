// What attention kernels on tensor cores share: tiles of rows of bfloat16 in shared memory, and what is done
// to them whichever way they are multiplied. `Products` is the way: by warps (tensor_warp.cuh) or by
// warpgroups (tensor_warpgroup.cuh). Either gives a warp 16 rows of a product, or two parts of 16, of its
// own.
#pragma once

#include "async_copy.cuh"
#include "attention.cuh"
#include "mma.cuh"

namespace outright::cuda {

constexpr int kTileRows = 64;
constexpr int kBlocks = kTileRows / 8;  // of 8 columns, in a product of a part with all rows of a tile

// Rows of up to kC numbers, which lie where Products wants them: 8 from a multiple of 8 on side by side.
template <typename Products, int kC, int kRows = kTileRows>
struct Tile {
  static constexpr int kNumbers = Products::template kNumbers<kC, kRows>;
  bfloat16* data;

  __device__ bfloat16* at(int row, int column) const {
    return data + Products::template place<kC, kRows>(row, column);
  }
  __device__ bfloat16* end() const { return data + kNumbers; }
};

// Where a thread stands: its warp's rows, and in fragments (mma.cuh) its rows g, g + 8 and columns 2t, 2t
// + 1.
template <int kParts = 1>
struct WarpPlace {
  static constexpr int kRows = 16 * kParts;
  int lane = static_cast<int>(threadIdx.x % kWarp);
  int first_row = static_cast<int>(threadIdx.x / kWarp) * kRows;
  int g = lane / 4, t = lane % 4;
  // Of load_matrices: the matrix of which this lane says where a row lies, and which row.
  int matrix = lane / 8, row = lane % 8;

  // The row of a part's numbers 2r and 2r + 1.
  __device__ int row_of(int part, int r) const { return first_row + 16 * part + g + 8 * r; }
};

// What a lane holds of its two rows, g and g + 8.
struct TwoRows {
  float at[2];
};

// Which numbers of a lane's fragments belong to a pair of query and key that see one another: a bit each.
struct Seen {
  uint32_t bits = 0;
  __device__ void set(int block, int i, bool value) { bits |= (value ? 1u : 0u) << (block * 4 + i); }
  __device__ bool at(int block, int i) const { return (bits >> (block * 4 + i) & 1u) != 0; }
};

__device__ inline bool is_finite(bfloat16 x) { return (x.bits & 0x7f80u) != 0x7f80u; }

// Begins to fill a tile, with the kThreads of the block; what is not there is zero. row_of(i) is the row that
// becomes row i, or -1. It is there for all after close_copies, Products::wait_for_tiles and a barrier. Rows
// that do not lie on 16 bytes are copied at once, number by number.
template <int kThreads, typename Products, int kC, int kRows, typename RowOf>
__device__ inline void fetch_tile(const Tile<Products, kC, kRows>& to, const HeadRows<const bfloat16>& from,
                                  int64_t C, const RowOf& row_of) {
  const bool whole = C % 8 == 0 && from.stride % 8 == 0 && reinterpret_cast<uintptr_t>(from.data) % 16 == 0;
  if (whole) {
    constexpr int kPacks = kC / 8;  // of a row

    // addresses of several would push sums out of registers
#pragma unroll 1
    for (int i = static_cast<int>(threadIdx.x); i < kRows * kPacks; i += kThreads) {
      const int row = i / kPacks, c = i % kPacks * 8;
      const int64_t at = row_of(row);
      const bool there = at >= 0 && c < C;
      copy_async(to.at(row, c), there ? from.data + at * from.stride + c : from.data, there);
    }
    return;
  }
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kC; i += kThreads) {
    const int row = i / kC, c = i % kC;
    const int64_t at = row_of(row);
    *to.at(row, c) = at >= 0 && c < C ? from.data[at * from.stride + c] : bfloat16{};
  }
}

// Whether what this thread looks at of a tile is finite; together the threads of a block look at all of it.
template <int kThreads, typename Products, int kC, int kRows>
__device__ inline bool part_is_finite(const Tile<Products, kC, kRows>& tile) {
  constexpr int kPacks = kC / 8;
  bool finite = true;
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kPacks; i += kThreads) {
    const auto pack = load_pack<8>(tile.at(i / kPacks, i % kPacks * 8));
#pragma unroll
    for (int k = 0; k < 8; ++k) finite = finite && is_finite(pack.at[k]);
  }
  return finite;
}

// 2^x; zero below 2^-126, where exp2f takes three more instructions to be exact.
__device__ inline float power_of_two(float x) {
#if defined(__CUDA_ARCH__)
  float power;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
  return power;
#else
  const float power = exp2f(x);
  return power < 0x1p-126f ? 0.0f : power;
#endif
}

// Over the four lanes of a row.
template <typename Join>
__device__ inline float quad_reduce(float value, Join join) {
  value = join(value, __shfl_xor_sync(kAllLanes, value, 1));
  return join(value, __shfl_xor_sync(kAllLanes, value, 2));
}

// Factors of a part with the k-th 16 rows of the other side as an operand, rounded to bfloat16.
template <int kN>
__device__ inline FragmentA as_operand(const FragmentC (&factors)[kN], int k) {
  const FragmentC &left = factors[2 * k], &right = factors[2 * k + 1];
  return {{pack_two(left.at[0], left.at[1]), pack_two(left.at[2], left.at[3]),
           pack_two(right.at[0], right.at[1]), pack_two(right.at[2], right.at[3])}};
}

// sums[i] += sum_j factors[i][j] rows[j] of one part, number by number, without the pairs that do not see one
// another: zero times what is not finite is not zero.
template <typename Products, int kC, int kRows, typename Place>
__device__ inline void add_seen(FragmentC (&sums)[kC / 8], const FragmentC (&factors)[kRows / 8],
                                const Tile<Products, kC, kRows>& rows, const Seen& seen, const Place& at) {
#pragma unroll
  for (int n = 0; n < kRows / 8; ++n) {
    // rarely taken: short code rather than fast
#pragma unroll 1
    for (int j = 0; j < 8; ++j) {
      const unsigned holder = static_cast<unsigned>(at.g * 4 + j / 2);
      const Seen theirs{__shfl_sync(kAllLanes, seen.bits, holder)};
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const float mine = j % 2 == 0 ? factors[n].at[2 * r] : factors[n].at[2 * r + 1];
        const float factor = widen(narrow<bfloat16>(__shfl_sync(kAllLanes, mine, holder)));
        if (!theirs.at(n, 2 * r + j % 2)) continue;
#pragma unroll
        for (int i = 0; i < kC / 4; ++i)
          sums[i / 2].at[2 * r + i % 2] += factor * widen(*rows.at(n * 8 + j, i / 2 * 8 + at.t * 2 + i % 2));
      }
    }
  }
}

// The same of all parts of a warp, and done when it returns: on tensor cores where all numbers of these rows
// are finite.
template <typename Products, int kParts, int kC, int kRows>
__device__ inline void add_weighted_rows(FragmentC (&sums)[kParts][kC / 8],
                                         const FragmentC (&factors)[kParts][kRows / 8],
                                         const Tile<Products, kC, kRows>& rows, bool finite,
                                         const Seen (&seen)[kParts], const WarpPlace<kParts>& at) {
  if (finite) {
    Products::add_weighted(sums, factors, rows, at);
    Products::await(sums);
  } else {
#pragma unroll
    for (int p = 0; p < kParts; ++p) add_seen(sums[p], factors[p], rows, seen[p], at);
  }
}

}  // namespace outright::cuda
