// What the CUDA runtime hands out, given back when its owner goes.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <memory>
#include <type_traits>

#include "error.h"

namespace outright::cuda {

struct FreeDevice {
  void operator()(void* data) const { cudaFree(data); }
};
struct FreePinned {
  void operator()(void* data) const { cudaFreeHost(data); }
};
struct DestroyEvent {
  void operator()(cudaEvent_t event) const { cudaEventDestroy(event); }
};
struct DestroyStream {
  void operator()(cudaStream_t stream) const { cudaStreamDestroy(stream); }
};

template <typename T>
using DeviceMemory = std::unique_ptr<T[], FreeDevice>;
template <typename T>
using PinnedMemory = std::unique_ptr<T[], FreePinned>;
using OwnedEvent = std::unique_ptr<std::remove_pointer_t<cudaEvent_t>, DestroyEvent>;
using OwnedStream = std::unique_ptr<std::remove_pointer_t<cudaStream_t>, DestroyStream>;

// `what` is said where there is no room.
template <typename T>
DeviceMemory<T> device_memory(int64_t count, const char* what) {
  void* data = nullptr;
  expect(cudaMalloc(&data, static_cast<size_t>(count) * sizeof(T)), what);
  return DeviceMemory<T>(static_cast<T*>(data));
}
template <typename T>
PinnedMemory<T> pinned_memory(int64_t count, const char* what) {
  void* data = nullptr;
  expect(cudaHostAlloc(&data, static_cast<size_t>(count) * sizeof(T), cudaHostAllocDefault), what);
  return PinnedMemory<T>(static_cast<T*>(data));
}
inline OwnedEvent new_event() {
  cudaEvent_t event = nullptr;
  expect(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "open");
  return OwnedEvent(event);
}

}  // namespace outright::cuda
