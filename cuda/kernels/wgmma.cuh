// Products of a warpgroup on tensor cores (PTX ISA, wgmma.mma_async; compute capability 9.0a alone): 64 rows,
// of which warp i has 16 i to 16 i + 15, as fragments of mma.cuh. They go on beside the threads that queued
// them:
//
//   order_registers()       after sums and operands were last written, before products
//   multiply...(...)        all four warps, in the same order
//   close_products()        those queued since the last call become a group
//   wait_for_products<n>()  until all groups but the n latest are done; until then nobody touches their sums,
//                           operands in registers, or tiles
//
// Tiles lie in shared memory in panels of 64 columns, one behind the other: a row of a panel is 128 bytes,
// whose pieces of 16 are exchanged by the row's number modulo 8 ("128-byte swizzle"). Panels begin on 1024
// bytes.
#pragma once

#include "mma.cuh"

// The sources are compiled for other GPUs too, where no such kernel is ever started.
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define OUTRIGHT_ON_SM90A(...) asm volatile(__VA_ARGS__)
#else
#define OUTRIGHT_ON_SM90A(...) __trap()
#endif

namespace outright::cuda {

constexpr int kWarpgroup = 4 * static_cast<int>(kWarp);
constexpr int kPanelColumns = 64;
constexpr int kPanelAlignment = 1024;

// Where a number lies in a tile of kRows.
template <int kRows>
__device__ inline int panel_place(int row, int column) {
  const int piece = column % kPanelColumns / 8 ^ row % 8;
  return (column / kPanelColumns * kRows + row) * kPanelColumns + piece * 8 + column % 8;
}

// Describes a matrix in panels to the tensor cores (PTX ISA, "matrix descriptor"): where it begins, a
// multiple of 16 bytes, and how far the next panel is.
__device__ inline uint64_t describe(const bfloat16* begin, int panel_bytes) {
#if defined(__CUDACC__)
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(begin));
#else
  const uint32_t address = simt::shared_address(begin);
#endif
  constexpr uint64_t kSwizzled128 = uint64_t{1} << 62;
  constexpr uint64_t kNextEightRows = 1024 / 16;
  return kSwizzled128 | kNextEightRows << 32 | static_cast<uint64_t>(panel_bytes / 16) << 16 |
         (address & 0x3ffffu) / 16;
}

__device__ inline void order_registers() {
#if defined(__CUDACC__)
  OUTRIGHT_ON_SM90A("wgmma.fence.sync.aligned;" ::: "memory");
#else
  simt::order_registers();
#endif
}
__device__ inline void close_products() {
#if defined(__CUDACC__)
  OUTRIGHT_ON_SM90A("wgmma.commit_group.sync.aligned;" ::: "memory");
#else
  simt::close_products();
#endif
}
template <int kLater = 0>
__device__ inline void wait_for_products() {
#if defined(__CUDACC__)
  OUTRIGHT_ON_SM90A("wgmma.wait_group.sync.aligned %0;" ::"n"(kLater) : "memory");
#else
  simt::wait_for_products(kLater);
#endif
}
// What this thread has written to shared memory, or its copies that it has waited for, may be read by tensor
// cores after a barrier that follows.
__device__ inline void hand_over_to_products() {
#if defined(__CUDACC__)
  OUTRIGHT_ON_SM90A("fence.proxy.async.shared::cta;" ::: "memory");
#else
  simt::hand_over_to_products();
#endif
}

// Keeps the compiler from moving what is done to these numbers across this point.
template <int kN>
__device__ inline void hold(FragmentC (&sums)[kN]) {
#if defined(__CUDACC__)
#pragma unroll
  for (int n = 0; n < kN; ++n)
    asm volatile(""
                 : "+f"(sums[n].at[0]), "+f"(sums[n].at[1]), "+f"(sums[n].at[2]),
                   "+f"(sums[n].at[3])::"memory");
#else
  static_cast<void>(sums);
#endif
}

#define OUTRIGHT_SUMS_4(c, n) "+f"(c[n].at[0]), "+f"(c[n].at[1]), "+f"(c[n].at[2]), "+f"(c[n].at[3])
#define OUTRIGHT_SUMS_32(c, n)                                                                            \
  OUTRIGHT_SUMS_4(c, n), OUTRIGHT_SUMS_4(c, n + 1), OUTRIGHT_SUMS_4(c, n + 2), OUTRIGHT_SUMS_4(c, n + 3), \
      OUTRIGHT_SUMS_4(c, n + 4), OUTRIGHT_SUMS_4(c, n + 5), OUTRIGHT_SUMS_4(c, n + 6),                    \
      OUTRIGHT_SUMS_4(c, n + 7)
#define OUTRIGHT_NAMES_32                                                                                \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, " \
  "%22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define OUTRIGHT_NAMES_64                                                                                  \
  OUTRIGHT_NAMES_32                                                                                        \
  ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, " \
  "%52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"

// c [64, 64] = a [64, 16] b [64, 16]^T, added to c where `adds`; a and b are 16 columns of panels.
__device__ inline void multiply_rows(FragmentC (&c)[8], uint64_t a, uint64_t b, bool adds) {
#if defined(__CUDACC__)
  OUTRIGHT_ON_SM90A(
      "{\n.reg .pred adds;\nsetp.ne.b32 adds, %34, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" OUTRIGHT_NAMES_32
      "}, %32, %33, adds, 1, 1, 0, 0;\n}\n"
      : OUTRIGHT_SUMS_32(c, 0)
      : "l"(a), "l"(b), "r"(adds ? 1 : 0)
      : "memory");
#else
  simt::multiply(c[0].at, 64, nullptr, a, b, false, adds);
#endif
}

// The same with a in registers.
__device__ inline void multiply_rows(FragmentC (&c)[8], const FragmentA& a, uint64_t b, bool adds) {
#if defined(__CUDACC__)
  OUTRIGHT_ON_SM90A(
      "{\n.reg .pred adds;\nsetp.ne.b32 adds, %37, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" OUTRIGHT_NAMES_32
      "}, {%32, %33, %34, %35}, %36, adds, 1, 1, 0;\n}\n"
      : OUTRIGHT_SUMS_32(c, 0)
      : "r"(a.at[0]), "r"(a.at[1]), "r"(a.at[2]), "r"(a.at[3]), "l"(b), "r"(adds ? 1 : 0)
      : "memory");
#else
  simt::multiply(c[0].at, 64, a.at, 0, b, false, adds);
#endif
}

// c [64, 8 kN] += a [64, 16] b [16, 8 kN]; a is in registers, b 16 rows of panels.
template <int kN>
__device__ inline void multiply_weighted(FragmentC (&c)[kN], const FragmentA& a, uint64_t b) {
  static_assert(kN == 8 || kN == 16);
#if defined(__CUDACC__)
  if constexpr (kN == 8)
    OUTRIGHT_ON_SM90A("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" OUTRIGHT_NAMES_32
                      "}, {%32, %33, %34, %35}, %36, 1, 1, 1, 1;"
                      : OUTRIGHT_SUMS_32(c, 0)
                      : "r"(a.at[0]), "r"(a.at[1]), "r"(a.at[2]), "r"(a.at[3]), "l"(b)
                      : "memory");
  else
    OUTRIGHT_ON_SM90A("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" OUTRIGHT_NAMES_64
                      "}, {%64, %65, %66, %67}, %68, 1, 1, 1, 1;"
                      : OUTRIGHT_SUMS_32(c, 0), OUTRIGHT_SUMS_32(c, 8)
                      : "r"(a.at[0]), "r"(a.at[1]), "r"(a.at[2]), "r"(a.at[3]), "l"(b)
                      : "memory");
#else
  simt::multiply(c[0].at, 8 * kN, a.at, 0, b, true, true);
#endif
}

#undef OUTRIGHT_SUMS_4
#undef OUTRIGHT_SUMS_32
#undef OUTRIGHT_NAMES_32
#undef OUTRIGHT_NAMES_64
#undef OUTRIGHT_ON_SM90A

}  // namespace outright::cuda
