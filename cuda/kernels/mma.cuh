// Products of a warp on tensor cores: 16 x 8 numbers at a time, bfloat16 operands, float32 sums (PTX ISA,
// mma.m16n8k16 and ldmatrix). In what follows g = lane / 4 and t = lane % 4.
//
//   A [16 x 16] of a lane: rows g, g + 8 (columns 2t, 2t + 1), then the same rows (columns 2t + 8, 2t + 9)
//   B [16 x 8]:  rows 2t, 2t + 1 (column g), then rows 2t + 8, 2t + 9
//   C [16 x 8]:  row g (columns 2t, 2t + 1), then row g + 8
//
// Two bfloat16 that lie side by side are one register, the first one in its low half.
#pragma once

#include "number.cuh"
#include "reduce.cuh"

namespace outright::cuda {

struct FragmentA {
  uint32_t at[4];
};
struct FragmentC {
  float at[4];
};

__device__ inline uint32_t pack_two(float low, float high) {
  return static_cast<uint32_t>(narrow<bfloat16>(low).bits) |
         static_cast<uint32_t>(narrow<bfloat16>(high).bits) << 16;
}

// c += a b, for the whole warp
__device__ inline void multiply_add(FragmentC& c, const FragmentA& a, uint32_t b0, uint32_t b1) {
#if defined(__CUDACC__)
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c.at[0]), "+f"(c.at[1]), "+f"(c.at[2]), "+f"(c.at[3])
      : "r"(a.at[0]), "r"(a.at[1]), "r"(a.at[2]), "r"(a.at[3]), "r"(b0), "r"(b1));
#else
  simt::multiply_add(c.at, a.at, b0, b1);
#endif
}

// Four 8 x 8 matrices from shared memory: lanes 8i to 8i + 7 say where the rows of matrix i lie, 16 bytes
// each, aligned. A lane gets of each matrix row g, columns 2t and 2t + 1; transposed, rows 2t and 2t + 1 of
// column g.
template <bool transposed>
__device__ inline void load_matrices(uint32_t (&to)[4], const bfloat16* row) {
#if defined(__CUDACC__)
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  if constexpr (transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(address)
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(address)
                 : "memory");
#else
  simt::load_matrices(to, row, transposed);
#endif
}

}  // namespace outright::cuda
