// Numbers that losses leave on the device until take_results asks for them. Their copies to the host are
// queued behind the kernels that make them: who takes them waits for those, not for what was queued since.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <vector>

#include "owned.h"

namespace outright::cuda {

class Results {
 public:
  explicit Results(cudaStream_t stream);

  // A place on the device for `count` numbers. They wait once `send` was called, after the kernel that makes
  // them.
  double* place(int64_t count);
  void send(int64_t count);
  int64_t waiting() const { return waiting_; }
  // All that wait, in the order in which they were sent; waits for them.
  void take(double* values);
  void forget();
  // On the device: not 0 where a loss that waits is not finite. Kernels of losses set it.
  int32_t* not_finite() const { return not_finite_.get(); }

 private:
  struct Block {
    DeviceMemory<double> device;
    PinnedMemory<double> host;
    int64_t capacity, used;
  };
  struct Part {
    const double* host;
    int64_t count;
  };
  void open(int64_t capacity);

  cudaStream_t stream_;
  OwnedEvent sent_ = new_event();
  DeviceMemory<int32_t> not_finite_ = device_memory<int32_t>(1, "open");
  std::vector<Block> blocks_;  // the last one is filled
  std::vector<Part> parts_;
  int64_t waiting_ = 0;
};

}  // namespace outright::cuda
