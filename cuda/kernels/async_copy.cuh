// Copies from global to shared memory that go on beside the work of the thread that began them (PTX ISA,
// cp.async): 16 bytes at a time, in groups. What was copied may be read by a thread that has waited for its
// own copies, and by others after a barrier that follows.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace outright::cuda {

// Both addresses are multiples of 16; zeros where `there` is false, and nothing is read.
__device__ inline void copy_async(void* shared, const void* from, bool there) {
#if defined(__CUDACC__)
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
               :
               : "r"(address), "l"(from), "r"(there ? 16 : 0)
               : "memory");
#else
  simt::copy_async(shared, from, there);
#endif
}

// All copies that this thread has begun since the last call become a group.
__device__ inline void close_copies() {
#if defined(__CUDACC__)
  asm volatile("cp.async.commit_group;" ::: "memory");
#else
  simt::close_copies();
#endif
}

// Waits until all groups of this thread but the kLater latest have arrived.
template <int kLater>
__device__ inline void wait_for_copies() {
#if defined(__CUDACC__)
  asm volatile("cp.async.wait_group %0;" : : "n"(kLater) : "memory");
#else
  simt::wait_for_copies(kLater);
#endif
}

}  // namespace outright::cuda
