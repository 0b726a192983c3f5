// Starts kernels.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "device.h"
#include "error.h"
#include "shared/range.h"

// The floats of a block that the launch asked for: DYNAMIC_SHARED(name), or with their alignment.
#if defined(__CUDACC__)
#define DYNAMIC_SHARED_ALIGNED(name, alignment) \
  extern __shared__ __align__(alignment)        \
  float outright_dynamic_shared_##alignment[];  \
  float* const name = outright_dynamic_shared_##alignment
#else
#define DYNAMIC_SHARED_ALIGNED(name, alignment) \
  float* const name = static_cast<float*>(simt::dynamic_shared())
#endif
#define DYNAMIC_SHARED(name) DYNAMIC_SHARED_ALIGNED(name, 16)

namespace outright::cuda {

struct Shape {
  int64_t blocks;
  int threads;               // a multiple of 32
  int64_t shared_bytes = 0;  // dynamic
};

// Nothing happens where there are no blocks. Arguments are converted to what the kernel takes.
template <typename... Parameters, typename... Arguments>
void launch(Device& device, const Shape& shape, void (*kernel)(Parameters...),
            const Arguments&... arguments) {
  if (shape.blocks == 0) return;
  if (shape.blocks > INT32_MAX) fail(OUTRIGHT_UNSUPPORTED, "a launch of more than 2^31 blocks");
  constexpr int64_t kGranted = 47 << 10;  // without asking, beside 1 KiB of fixed size
  if (shape.shared_bytes > kGranted) {
    if (shape.shared_bytes > device.shared_bytes)
      fail(OUTRIGHT_UNSUPPORTED, "a kernel needs %lld bytes of shared memory, this GPU has %lld",
           static_cast<long long>(shape.shared_bytes), static_cast<long long>(device.shared_bytes));
    expect(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                static_cast<int>(shape.shared_bytes)),
           "shared memory");
  }
  const dim3 grid(static_cast<unsigned>(shape.blocks));
  const dim3 block(static_cast<unsigned>(shape.threads));
#if defined(__CUDACC__)
  const auto start = [&] {
    kernel<<<grid, block, static_cast<size_t>(shape.shared_bytes), device.stream>>>(
        static_cast<Parameters>(arguments)...);
    return cudaGetLastError();
  };
  cudaError_t error = start();
  if (error == cudaErrorMemoryAllocation) {
    // a kernel's code is loaded when it is first used, and its threads' own memory is taken then
    device.allocator.trim();
    error = start();
    if (error == cudaErrorMemoryAllocation)
      fail(OUTRIGHT_OUT_OF_MEMORY,
           "out of memory on the GPU: no room for a kernel's code; live %lld, peak %lld",
           static_cast<long long>(device.allocator.live_bytes()),
           static_cast<long long>(device.allocator.peak_bytes()));
  }
  expect(error, "launch");
#else
  simt::run(grid, block, static_cast<size_t>(shape.shared_bytes), [&] { kernel(arguments...); });
#endif
}

}  // namespace outright::cuda
