// Whether the search for races (emulation/races.h) finds them, and nothing else: small kernels, each of them
// in a process of its own, since a race ends it. Prints "N passed, M failed".
#include <cuda_runtime.h>

#include <cstdio>

#include "ends_process.h"

namespace {

constexpr unsigned kThreads = 64;

// Shared memory of a block, and device memory of all blocks; what a kernel gets.
struct Memory {
  float* shared;
  float* device;
};
using Kernel = void (*)(Memory);

unsigned next(unsigned i, unsigned step) { return (i + step) % kThreads; }

void reads_after_a_barrier(Memory m) {
  m.shared[threadIdx.x] = 1;
  __syncthreads();
  m.device[blockIdx.x * kThreads + threadIdx.x] = m.shared[next(threadIdx.x, 33)];
}
void reads_without_a_barrier(Memory m) {
  m.shared[threadIdx.x] = 1;
  m.device[blockIdx.x * kThreads + threadIdx.x] = m.shared[next(threadIdx.x, 33)];
}
void writes_what_others_may_still_read(Memory m) {
  m.shared[threadIdx.x] = 1;
  __syncthreads();
  const float value = m.shared[next(threadIdx.x, 33)];
  m.shared[threadIdx.x] = value;
}
void writes_after_a_second_barrier(Memory m) {
  m.shared[threadIdx.x] = 1;
  __syncthreads();
  const float value = m.shared[next(threadIdx.x, 33)];
  __syncthreads();
  m.shared[threadIdx.x] = value;
}
void lanes_after_syncwarp(Memory m) {
  m.shared[threadIdx.x] = 1;
  __syncwarp();
  m.device[blockIdx.x * kThreads + threadIdx.x] = m.shared[threadIdx.x ^ 1];
}
void warps_after_syncwarp(Memory m) {
  m.shared[threadIdx.x] = 1;
  __syncwarp();
  m.device[blockIdx.x * kThreads + threadIdx.x] = m.shared[threadIdx.x ^ 32];
}
// What lanes exchange says nothing of their memory.
void lanes_after_a_shuffle(Memory m) {
  m.shared[threadIdx.x] = 1;
  const float sum = __shfl_xor_sync(~0u, 1.0f, 1);
  m.device[blockIdx.x * kThreads + threadIdx.x] = sum + m.shared[threadIdx.x ^ 1];
}
void all_write_one_place(Memory m) { m.shared[0] = static_cast<float>(threadIdx.x); }
void blocks_write_one_place(Memory m) {
  if (threadIdx.x == 0) m.device[0] = static_cast<float>(blockIdx.x);
}
void a_block_writes_what_all_read(Memory m) {
  const float value = m.device[0];
  __syncthreads();
  if (blockIdx.x == 1 && threadIdx.x == 0) m.device[0] = value + 1;
}
void blocks_have_their_own_shared_memory(Memory m) {
  if (threadIdx.x == 0) m.shared[0] = static_cast<float>(blockIdx.x);
  __syncthreads();
  m.device[blockIdx.x * kThreads + threadIdx.x] = m.shared[0];
}
void a_copy_is_read_without_waiting(Memory m) {
  if (threadIdx.x == 0) simt::copy_async(m.shared, m.device, true);
  __syncthreads();
  const float value = m.shared[1];
  simt::close_copies();
  simt::wait_for_copies(0);
  if (value > 1) m.shared[kThreads] = value;
}
void a_copy_is_waited_for(Memory m) {
  if (threadIdx.x == 0) simt::copy_async(m.shared, m.device, true);
  simt::close_copies();
  simt::wait_for_copies(0);
  __syncthreads();
  if (m.shared[threadIdx.x % 4] > 1) m.shared[kThreads + threadIdx.x] = 1;
}

// True if the emulation ended the process.
bool ends(Kernel kernel) {
  return ends_process([=] {
    void* device = nullptr;
    cudaMalloc(&device, sizeof(float) * 4 * kThreads);
    for (unsigned i = 0; i < 4 * kThreads; ++i) static_cast<float*>(device)[i] = 1;
    // twice: grids are ordered
    for (int i = 0; i < 2; ++i)
      simt::run(dim3(4), dim3(kThreads), sizeof(float) * 2 * kThreads, [&] {
        kernel({static_cast<float*>(simt::dynamic_shared()), static_cast<float*>(device)});
      });
  });
}

struct Case {
  const char* name;
  Kernel kernel;
  bool race;
};
#define CASE(kernel, race) \
  {                        \
#kernel, kernel, race  \
  }
constexpr Case kCases[] = {
    CASE(reads_after_a_barrier, false),
    CASE(reads_without_a_barrier, true),
    CASE(writes_what_others_may_still_read, true),
    CASE(writes_after_a_second_barrier, false),
    CASE(lanes_after_syncwarp, false),
    CASE(warps_after_syncwarp, true),
    CASE(lanes_after_a_shuffle, true),
    CASE(all_write_one_place, true),
    CASE(blocks_write_one_place, true),
    CASE(a_block_writes_what_all_read, true),
    CASE(blocks_have_their_own_shared_memory, false),
    CASE(a_copy_is_read_without_waiting, true),
    CASE(a_copy_is_waited_for, false),
};

}  // namespace

int main() {
  int passed = 0, failed = 0;
  for (const auto& [name, kernel, race] : kCases) {
    const bool good = ends(kernel) == race;
    (good ? passed : failed) += 1;
    if (!good) std::printf("FAIL %s: %s\n", name, race ? "no race was found" : "a race was reported");
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
