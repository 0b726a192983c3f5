// What attention kernels on tensor cores share: tiles of 64 rows of bfloat16 in shared memory, and products
// of two of them. A block has four warps, each of which has some rows of a product of its own: one part of 16
// or two, for which it reads the other side once.
#pragma once

#include "async_copy.cuh"
#include "attention.cuh"
#include "mma.cuh"

namespace outright::cuda {

constexpr int kTileRows = 64;
constexpr int kTileThreads = kTileRows / 16 * static_cast<int>(kWarp);
constexpr int kBlocks = kTileRows / 8;  // of 8 columns, in a product of a part with all rows of a tile
constexpr int kPadding = 8;  // numbers behind a row, so that rows of a matrix lie in different banks
// Numbers of a tile whose rows have up to kC.
template <int kC>
inline constexpr int kTileNumbers = kTileRows * (kC + kPadding);

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

// Begins to fill a tile of kRows; what is not there is zero. row_of(i) is the row that becomes row i, or -1.
// It is there for all after close_copies, wait_for_copies and a barrier. Rows that do not lie on 16 bytes are
// copied at once, number by number.
template <int kC, int kRows = kTileRows, typename RowOf>
__device__ inline void fetch_tile(bfloat16* to, const HeadRows<const bfloat16>& from, int64_t C,
                                  const RowOf& row_of) {
  const bool whole = C % 8 == 0 && from.stride % 8 == 0 && reinterpret_cast<uintptr_t>(from.data) % 16 == 0;
  if (whole) {
    constexpr int kPacks = kC / 8;  // of a row
#pragma unroll 1                    // addresses of several would push sums out of registers
    for (int i = static_cast<int>(threadIdx.x); i < kRows * kPacks; i += kTileThreads) {
      const int row = i / kPacks, c = i % kPacks * 8;
      const int64_t at = row_of(row);
      const bool there = at >= 0 && c < C;
      copy_async(to + row * (kC + kPadding) + c, there ? from.data + at * from.stride + c : from.data, there);
    }
    return;
  }
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kC; i += kTileThreads) {
    const int row = i / kC, c = i % kC;
    const int64_t at = row_of(row);
    to[row * (kC + kPadding) + c] = at >= 0 && c < C ? from.data[at * from.stride + c] : bfloat16{};
  }
}

// Whether what this thread looks at of a tile is finite; together the threads of a block look at all of it.
template <int kC, int kRows = kTileRows>
__device__ inline bool part_is_finite(const bfloat16* tile) {
  constexpr int kPacks = kC / 8;
  bool finite = true;
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kPacks; i += kTileThreads) {
    const auto pack = load_pack<8>(tile + i / kPacks * (kC + kPadding) + i % kPacks * 8);
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

// dots[p][i][j] += left[first_row + 16 p + i] . right[j], for the warp's rows and 8 kN rows of the other
// side.
template <int kC, int kParts, int kN>
__device__ inline void add_dots(FragmentC (&dots)[kParts][kN], const bfloat16* left, const bfloat16* right,
                                const WarpPlace<kParts>& at) {
  constexpr int kStride = kC + kPadding;
  const bfloat16* a_row = left + (at.first_row + at.matrix % 2 * 8 + at.row) * kStride + at.matrix / 2 * 8;
  const bfloat16* b_row = right + (at.matrix / 2 * 8 + at.row) * kStride + at.matrix % 2 * 8;
#pragma unroll
  for (int k = 0; k < kC; k += 16) {
    FragmentA a[kParts];
#pragma unroll
    for (int p = 0; p < kParts; ++p) load_matrices<false>(a[p].at, a_row + p * 16 * kStride + k);
#pragma unroll
    for (int n = 0; n < kN; n += 2) {
      uint32_t b[4];
      load_matrices<false>(b, b_row + n * 8 * kStride + k);
#pragma unroll
      for (int p = 0; p < kParts; ++p) {
        multiply_add(dots[p][n], a[p], b[0], b[1]);
        multiply_add(dots[p][n + 1], a[p], b[2], b[3]);
      }
    }
  }
}

// sums[p][i] += sum_j factors[p][i][j] rows[j], for the warp's rows and 8 kN rows of the other side; factors
// are rounded to bfloat16.
template <int kC, int kParts, int kN>
__device__ inline void add_weighted(FragmentC (&sums)[kParts][kC / 8], const FragmentC (&factors)[kParts][kN],
                                    const bfloat16* rows, const WarpPlace<kParts>& at) {
  constexpr int kStride = kC + kPadding;
  const bfloat16* b_row = rows + (at.matrix % 2 * 8 + at.row) * kStride + at.matrix / 2 * 8;
#pragma unroll
  for (int k = 0; k < kN / 2; ++k) {
    FragmentA a[kParts];
#pragma unroll
    for (int p = 0; p < kParts; ++p) {
      const FragmentC &left = factors[p][2 * k], &right = factors[p][2 * k + 1];
      a[p] = {{pack_two(left.at[0], left.at[1]), pack_two(left.at[2], left.at[3]),
               pack_two(right.at[0], right.at[1]), pack_two(right.at[2], right.at[3])}};
    }
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

// The same of one part, number by number, without the pairs that do not see one another: zero times what is
// not finite is not zero.
template <int kC, int kN, typename Place>
__device__ inline void add_weighted_seen(FragmentC (&sums)[kC / 8], const FragmentC (&factors)[kN],
                                         const bfloat16* rows, const Seen& seen, const Place& at) {
#pragma unroll
  for (int n = 0; n < kN; ++n) {
#pragma unroll 1  // rarely taken: short code rather than fast
    for (int j = 0; j < 8; ++j) {
      const unsigned holder = static_cast<unsigned>(at.g * 4 + j / 2);
      const Seen theirs{__shfl_sync(kAllLanes, seen.bits, holder)};
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const float mine = j % 2 == 0 ? factors[n].at[2 * r] : factors[n].at[2 * r + 1];
        const float factor = widen(narrow<bfloat16>(__shfl_sync(kAllLanes, mine, holder)));
        if (!theirs.at(n, 2 * r + j % 2)) continue;
#pragma unroll
        for (int i = 0; i < kC / 4; ++i) {
          const int column = i / 2 * 8 + at.t * 2 + i % 2;
          sums[i / 2].at[2 * r + i % 2] += factor * widen(rows[(n * 8 + j) * (kC + kPadding) + column]);
        }
      }
    }
  }
}

}  // namespace outright::cuda
