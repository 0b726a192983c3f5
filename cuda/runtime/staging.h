// Copies between host and device through pinned memory, so that a copy to the device returns as soon as the
// data has left the caller's hands, and nothing waits for the device but what brings numbers to the host.
#pragma once

#include <cuda_runtime.h>

#include <array>
#include <cstdint>

#include "owned.h"

namespace outright::cuda {

// Copies to the device take a piece each of a few blocks in turn. Only one that begins a block again waits,
// until what was copied from it has arrived: megabytes later.
class Staging {
 public:
  explicit Staging(cudaStream_t stream);

  void to_device(void* target, const void* source, int64_t bytes);
  // Waits until it is there.
  void to_host(void* target, const void* source, int64_t bytes);
  // The same in two calls, of at most kBytes: what is queued between them is not waited for.
  void begin_to_host(const void* source, int64_t bytes);
  void finish_to_host(void* target, int64_t bytes);

 private:
  static constexpr int64_t kBytes = int64_t{4} << 20;
  static constexpr int64_t kAlignment = 256;
  struct Block {
    PinnedMemory<char> data = pinned_memory<char>(kBytes, "pinned memory");
    OwnedEvent sent = new_event();  // after the last copy from or to it
  };
  // A place for `bytes`, at most kBytes, of the current block or the next.
  char* piece(int64_t bytes);

  cudaStream_t stream_;
  std::array<Block, 4> blocks_;
  size_t current_ = 0;
  int64_t used_ = 0;  // of the current block
  Block received_;
};

}  // namespace outright::cuda
