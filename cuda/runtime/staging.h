// Copies between host and device through a few pinned blocks, so that a copy to the device returns as soon as
// the data has left the caller's hands.
#pragma once

#include <cuda_runtime.h>

#include <array>
#include <cstdint>

namespace outright::cuda {

class Staging {
 public:
  explicit Staging(cudaStream_t stream);
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  void to_device(void* target, const void* source, int64_t bytes);
  // Waits until it is there.
  void to_host(void* target, const void* source, int64_t bytes);

 private:
  static constexpr int64_t kBytes = int64_t{4} << 20;
  struct Block {
    char* data = nullptr;
    cudaEvent_t sent = nullptr;
  };
  Block& next();

  cudaStream_t stream_;
  std::array<Block, 4> blocks_;
  size_t turn_ = 0;
};

}  // namespace outright::cuda
