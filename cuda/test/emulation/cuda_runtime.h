// CUDA on the host, just enough of it to run kernels that use no copy engine: blocks one after the other, the
// threads of a block as coroutines, device memory as host memory. It stands in for the toolkit's header of
// this name when the sources in cuda/ are compiled as plain C++ (cuda/test/CMakeLists.txt).
//
// Threads run until they wait for others at a barrier or in an exchange between lanes; every second block
// runs them, and every second grid its blocks, in reverse, so that results that hang on an order show. A
// barrier that not all threads reach ends the process with a message.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <utility>

#include "races.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__
#define __launch_bounds__(...)
#define __shared__ static

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  dim3() = default;
  dim3(unsigned x_, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct uint3 {
  unsigned x = 0, y = 0, z = 0;
};

// ---- the runtime: everything happens at once ----

using cudaError_t = int;
using cudaStream_t = void*;
using cudaEvent_t = void*;
inline constexpr cudaError_t cudaSuccess = 0;
inline constexpr cudaError_t cudaErrorMemoryAllocation = 2;
inline constexpr cudaError_t cudaErrorInsufficientDriver = 35;
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum { cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2, cudaHostAllocDefault = 0 };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };

struct cudaDeviceProp {
  char name[256];
  int major, minor, multiProcessorCount;
  size_t totalGlobalMem, sharedMemPerBlockOptin;
};

inline cudaError_t cudaGetDeviceCount(int* count) { return *count = 1, cudaSuccess; }
inline cudaError_t cudaSetDevice(int) { return cudaSuccess; }
inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* of, int) {
  *of = {"emulated on the host", 9, 0, 4, size_t{1} << 33, 160 << 10};
  return cudaSuccess;
}
inline cudaError_t cudaDriverGetVersion(int* version) { return *version = 0, cudaSuccess; }
inline cudaError_t cudaRuntimeGetVersion(int* version) { return *version = 0, cudaSuccess; }
inline cudaError_t cudaMalloc(void** pointer, size_t bytes) {
  if (bytes > size_t{1} << 36) return cudaErrorMemoryAllocation;
  if (posix_memalign(pointer, 256, bytes) != 0) return cudaErrorMemoryAllocation;
  std::memset(*pointer, 0xff, bytes);  // what was there is not a number
  simt::races::allocated(*pointer, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaFree(void* pointer) {
  simt::races::freed(pointer);
  return std::free(pointer), cudaSuccess;
}
inline cudaError_t cudaHostAlloc(void** pointer, size_t bytes, unsigned) {
  return cudaMalloc(pointer, bytes);
}
inline cudaError_t cudaFreeHost(void* pointer) { return cudaFree(pointer); }
inline cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  return *free = *total = size_t{1} << 33, cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind, cudaStream_t) {
  return std::memmove(to, from, bytes), cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t) {
  return std::memset(to, value, bytes), cudaSuccess;
}
inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  return *stream = nullptr, cudaSuccess;
}
inline cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  return *event = nullptr, cudaSuccess;
}
inline cudaError_t cudaEventDestroy(cudaEvent_t) { return cudaSuccess; }
inline cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return cudaSuccess; }
inline cudaError_t cudaEventSynchronize(cudaEvent_t) { return cudaSuccess; }
inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaSuccess                 ? "no error"
         : error == cudaErrorMemoryAllocation ? "out of memory"
                                              : "an error";
}
template <typename Kernel>
cudaError_t cudaFuncSetAttribute(Kernel, cudaFuncAttribute, int) {
  return cudaSuccess;
}

// ---- the inside of a kernel ----

namespace simt {

inline constexpr unsigned kWarp = 32;

// Runs the kernel for every thread of the grid; emulation.cpp.
void run(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()>& kernel);

// Of the thread that runs now.
struct Place {
  uint3 thread, block;
  dim3 block_size, grid_size;
};
extern Place place;

void* dynamic_shared();
// cp.async: see kernels/async_copy.cuh
void copy_async(void* to, const void* from, bool there);
void close_copies();
void wait_for_copies(int later);
// wgmma: see kernels/wgmma.cuh, warpgroup.h and warpgroup.cpp
uint32_t shared_address(const void* at);
void order_registers();
void close_products();
void wait_for_products(int later);
void hand_over_to_products();
// Waits for all threads of the block, or for all that live of the warp.
void block_barrier();
void warp_barrier();
// The same for what lanes exchange, which orders none of their accesses of memory.
void join_lanes();
// 8 bytes for each lane of this thread's warp.
uint64_t* lane_slots();
unsigned lane();
unsigned thread_of_block();

template <typename T>
NOT_CHECKED_FOR_RACES T exchange(T value, unsigned from) {
  static_assert(sizeof(T) <= 8);
  uint64_t* slots = lane_slots();
  std::memcpy(&slots[lane()], &value, sizeof value);
  join_lanes();
  T result;
  std::memcpy(&result, &slots[from % kWarp], sizeof result);
  join_lanes();
  return result;
}

}  // namespace simt

#define threadIdx (simt::place.thread)
#define blockIdx (simt::place.block)
#define blockDim (simt::place.block_size)
#define gridDim (simt::place.grid_size)

inline void __syncthreads() { simt::block_barrier(); }
inline void __syncwarp(unsigned = ~0u) { simt::warp_barrier(); }
template <typename T>
T __shfl_sync(unsigned, T value, unsigned from) {
  return simt::exchange(value, from);
}
template <typename T>
T __shfl_xor_sync(unsigned, T value, unsigned mask) {
  return simt::exchange(value, simt::lane() ^ mask);
}
inline float __uint_as_float(unsigned bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline unsigned __float_as_uint(float value) {
  unsigned bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

#include "tensor_cores.h"
#include "warpgroup.h"
