// Matrix products on one thread: the building blocks that operations lay out in tiles. Written after BLIS
// (Van Zee and van de Geijn, 2015): the right operand is packed into panels, a register tile walks along k.
//
// Operands are of storage type X (float or bfloat16), results float32. What one multiply-add takes of a row
// or column is a *unit* of 32 bits: one float32, or two neighbouring bfloat16 along k where the processor
// multiplies pairs (AVX512-BF16); elsewhere bfloat16 is widened while packing.
//
// An element of C is a sum over blocks of k, in order, each a chain of multiply-adds in order of k; where the
// blocks lie follows from k alone. Tiling over m and n only says which elements are computed together. So a
// row of C depends on the matching row of A, on B and k only: not on m, nor on where the row stands. k = 0
// gives zeros, or adds nothing.
#pragma once

#include <cstdint>

#include "storage.h"

namespace outright::cpu::matmul {

// Rows and columns of the register tile; with its operands it fills the registers.
inline constexpr int kTileRows = kLanes == 16 ? 14 : kRegisters == 32 ? 8 : 6;
inline constexpr int kPanel = 2 * kLanes;
// Rows and columns that one thread works on at a time, so that packed operands and results stay in the
// second-level cache. A block of rows is a little higher than 256.
inline constexpr int64_t kBlockRows = kTileRows * (kLanes == 16 ? 19 : 32);
inline constexpr int64_t kBlockColumns = 256;

template <typename X>
inline constexpr int64_t kPerUnit = 1;
#if defined(__AVX512BF16__)
template <>
inline constexpr int64_t kPerUnit<bfloat16> = 2;
#endif
template <typename X>
constexpr int64_t units(int64_t k) {
  constexpr int64_t each = kPerUnit<X>;
  return (k + each - 1) / each;
}

// ---- packed right operands: floats of n columns over k, and how to fill them ----

template <typename X>
constexpr int64_t packed_size(int64_t n, int64_t k) {
  return (n + kPanel - 1) / kPanel * kPanel * units<X>(k);
}
// from b[n,k]
template <typename X>
void pack_nt(int64_t n, int64_t k, const X* b, int64_t ldb, float* panels);
// from b[k,n]
template <typename X>
void pack_nn(int64_t n, int64_t k, const X* b, int64_t ldb, float* panels);

// ---- packed left operands: strips of kTileRows columns of a[k,n], each strip[units][kTileRows] ----

// Floats from the left operand's columns n over `depth` units.
constexpr int64_t packed_left_size(int64_t n, int64_t depth) {
  return (n + kTileRows - 1) / kTileRows * kTileRows * depth;
}
// Columns [0, n) of a[k,n] into strips that are `depth` units long, of which this fills the first
// units<X>(k).
template <typename X>
void pack_left(int64_t n, int64_t k, const X* a, int64_t lda, float* strips, int64_t depth);
// C[m,n] (+)= A[k,m]^T B for strips of A that are units<X>(k) long and B packed
template <typename X>
void multiply_packed(int64_t m, int64_t n, int64_t k, const float* strips, const float* panels, float* c,
                     int64_t ldc, bool accumulate);

// Rows that multiply() is best given at a time where its result is read at once: few, so that the first-level
// cache still holds it, unless every row takes several passes over its k.
template <typename X>
int64_t rows_to_read_at_once(int64_t k);

// Floats of scratch that multiply() needs for a left operand over k.
template <typename X>
int64_t left_scratch(int64_t k);

// C[m,n] (+)= A[m,k] B, with B packed
template <typename X>
void multiply(int64_t m, int64_t n, int64_t k, const X* a, int64_t lda, const float* panels, float* c,
              int64_t ldc, bool accumulate, float* scratch);

// The most rows that multiply_narrow() takes: more are faster by way of panels.
inline constexpr int64_t kNarrowRows = kLanes >= 8 ? 8 : 1;
// Floats of scratch that it needs for a left operand over k.
template <typename X>
int64_t narrow_scratch(int64_t k);

// C[m,n] = A[m,k] B[n,k]^T for a few rows, 1 <= m <= kNarrowRows: B is not packed, and the bits are those of
// multiply()
template <typename X>
void multiply_narrow(int64_t m, int64_t n, int64_t k, const X* a, int64_t lda, const X* b, int64_t ldb,
                     float* c, int64_t ldc, float* scratch);

// e.g. "own product, 14x32 register tile, bfloat16 pairs"
const char* description();

}  // namespace outright::cpu::matmul
