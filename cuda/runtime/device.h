// One open GPU: its stream, memory and what the host knows of it.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <memory>
#include <string>

#include "allocator.h"
#include "cublaslt.h"
#include "mirror.h"
#include "outright/backend.h"
#include "owned.h"
#include "results.h"
#include "staging.h"

namespace outright::cuda {

// How attention in bfloat16 multiplies: without tensor cores, by warps (kernels/mma.cuh), or by warpgroups
// (kernels/wgmma.cuh).
enum class AttentionWay { kPlain, kByWarps, kByWarpgroups };

}  // namespace outright::cuda

// The opaque type of the C ABI.
struct outright_device {
  explicit outright_device(const outright_open_options& options);
  ~outright_device();
  outright_device(const outright_device&) = delete;
  outright_device& operator=(const outright_device&) = delete;

  int index;
  outright::cuda::OwnedStream owned_stream;  // goes last
  cudaStream_t stream = nullptr;
  int64_t shared_bytes = 0;  // that a block may have at most
  outright::cuda::AttentionWay attention = outright::cuda::AttentionWay::kByWarps;
  outright::cuda::Allocator allocator;
  outright::cuda::Mirror mirror;
  std::unique_ptr<outright::cuda::Staging> staging;
  std::unique_ptr<outright::cuda::Results> results;
  std::unique_ptr<outright::cuda::CublasLt> library;  // of matrix products; may be absent
  std::string matmul;
  std::string hardware;
  std::string error;

  // Whether the library did a product; where not, it is the own one's turn.
  bool by_library(const outright::cuda::Product& product) {
    return library && library->multiply(product, stream);
  }
};

namespace outright::cuda {

using Device = outright_device;

// Device memory for the length of one call.
class Scratch {
 public:
  Scratch(Device& device, int64_t bytes)
      : device_(device), data_(bytes > 0 ? device.allocator.allocate(bytes, true) : nullptr) {}
  ~Scratch() {
    if (data_) device_.allocator.release(data_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  template <typename T>
  T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  Device& device_;
  void* data_;
};

// A list of the host's on the device, for the length of one call.
template <typename T>
class Uploaded {
 public:
  Uploaded(Device& device, const T* values, int64_t count)
      : scratch_(device, count * static_cast<int64_t>(sizeof(T))) {
    if (count > 0)
      device.staging->to_device(scratch_.as<T>(), values, count * static_cast<int64_t>(sizeof(T)));
  }
  const T* data() const { return scratch_.as<T>(); }

 private:
  Scratch scratch_;
};

}  // namespace outright::cuda
