// A plain matrix product in float32, for every GPU, shape and stride: the slow clear one that the fast ones
// are held against, and what serves where there is no library.
//
//   C[m, n] = sum over k of A(m, k) B(k, n), which an epilogue then stores
//
// Each element is summed in order of k, 16 at a time, and these sums 64 at a time: it depends on nothing but
// its row and column.
#pragma once

#include "number.cuh"
#include "runtime/launch.h"

namespace outright::cuda {

constexpr int kGemmTile = 64;
constexpr int kGemmDepth = 16;
constexpr int kGemmSums = 64;      // of kGemmDepth numbers each, that are added up apart
constexpr int kGemmThreads = 256;  // 16 x 16, each with 4 x 4 elements

// A matrix by strides: element (i, j) is data[i * row + j * column].
template <typename X>
struct Strided {
  const X* data;
  int64_t row, column;
  __device__ float at(int64_t i, int64_t j) const { return widen(data[i * row + j * column]); }
};

// Neighbouring threads load neighbouring numbers, whichever way the matrix lies.
template <typename X>
__device__ inline void load_tile(float (*tile)[kGemmTile + 1], const Strided<X>& matrix, int64_t first_row,
                                 int64_t rows, int64_t first_k, int64_t depth) {
  for (int i = static_cast<int>(threadIdx.x); i < kGemmTile * kGemmDepth; i += kGemmThreads) {
    const int row = matrix.column == 1 ? i / kGemmDepth : i % kGemmTile;
    const int k = matrix.column == 1 ? i % kGemmDepth : i / kGemmTile;
    tile[k][row] =
        first_row + row < rows && first_k + k < depth ? matrix.at(first_row + row, first_k + k) : 0.0f;
  }
}

// b's rows are the columns of the product: B(k, n) = b(n, k).
template <typename A, typename B, typename Epilogue>
__global__ void __launch_bounds__(kGemmThreads)
    gemm(int64_t M, int64_t N, int64_t K, Strided<A> a, Strided<B> b, Epilogue epilogue) {
  __shared__ float a_tile[kGemmDepth][kGemmTile + 1];
  __shared__ float b_tile[kGemmDepth][kGemmTile + 1];
  const int64_t tiles_down = (M + kGemmTile - 1) / kGemmTile;
  const int64_t first_m = blockIdx.x % tiles_down * kGemmTile;
  const int64_t first_n = blockIdx.x / tiles_down * kGemmTile;
  const unsigned down = threadIdx.x / 16, across = threadIdx.x % 16;
  float sums[4][4] = {}, later[4][4] = {};
  for (int64_t first_k = 0; first_k < K; first_k += kGemmDepth) {
    load_tile(a_tile, a, first_m, M, first_k, K);
    load_tile(b_tile, b, first_n, N, first_k, K);
    __syncthreads();
    float part[4][4] = {};
#pragma unroll
    for (int k = 0; k < kGemmDepth; ++k) {
      float left[4], right[4];
      for (unsigned i = 0; i < 4; ++i) left[i] = a_tile[k][down + 16 * i];
      for (unsigned j = 0; j < 4; ++j) right[j] = b_tile[k][across + 16 * j];
      for (int i = 0; i < 4; ++i)
        for (int j = 0; j < 4; ++j) part[i][j] += left[i] * right[j];
    }
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < 4; ++j) later[i][j] += part[i][j];
    const bool ends = first_k + kGemmDepth >= K;
    if (ends || first_k / kGemmDepth % kGemmSums == kGemmSums - 1)
      for (int i = 0; i < 4; ++i)
        for (int j = 0; j < 4; ++j) {
          sums[i][j] += later[i][j];
          later[i][j] = 0.0f;
        }
    __syncthreads();
  }
  for (unsigned i = 0; i < 4; ++i)
    for (unsigned j = 0; j < 4; ++j) {
      const int64_t m = first_m + down + 16 * i;
      const int64_t n = first_n + across + 16 * j;
      if (m < M && n < N) epilogue.store(m, n, sums[i][j]);
    }
}

// y[m, n] (+)= value
template <typename X>
struct StoreSum {
  X* y;
  int64_t row;
  bool accumulate;
  __device__ void store(int64_t m, int64_t n, float value) const {
    X* here = y + m * row + n;
    *here = narrow<X>(accumulate ? widen(*here) + value : value);
  }
};

template <typename A, typename B, typename Epilogue>
void multiply(Device& device, int64_t M, int64_t N, int64_t K, const Strided<A>& a, const Strided<B>& b,
              const Epilogue& epilogue) {
  launch(device, {ceil_div(M, kGemmTile) * ceil_div(N, kGemmTile), kGemmThreads}, gemm<A, B, Epilogue>, M, N,
         K, a, b, epilogue);
}

}  // namespace outright::cuda
