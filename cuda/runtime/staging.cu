#include "staging.h"

#include <algorithm>
#include <cstring>

#include "error.h"

namespace outright::cuda {

Staging::Staging(cudaStream_t stream) : stream_(stream) {
  for (Block& block : blocks_) {
    void* data = nullptr;
    expect(cudaHostAlloc(&data, kBytes, cudaHostAllocDefault), "pinned memory");
    block.data = static_cast<char*>(data);
    expect(cudaEventCreateWithFlags(&block.sent, cudaEventDisableTiming), "open");
  }
}

Staging::~Staging() {
  for (const Block& block : blocks_) {
    if (block.sent) cudaEventDestroy(block.sent);
    if (block.data) cudaFreeHost(block.data);
  }
}

Staging::Block& Staging::next() {
  Block& block = blocks_[turn_++ % blocks_.size()];
  expect(cudaEventSynchronize(block.sent), "copy");
  return block;
}

void Staging::to_device(void* target, const void* source, int64_t bytes) {
  for (int64_t at = 0; at < bytes; at += kBytes) {
    const auto size = static_cast<size_t>(std::min(kBytes, bytes - at));
    Block& block = next();
    std::memcpy(block.data, static_cast<const char*>(source) + at, size);
    expect(
        cudaMemcpyAsync(static_cast<char*>(target) + at, block.data, size, cudaMemcpyHostToDevice, stream_),
        "copy to the device");
    expect(cudaEventRecord(block.sent, stream_), "copy to the device");
  }
}

void Staging::to_host(void* target, const void* source, int64_t bytes) {
  for (int64_t at = 0; at < bytes; at += kBytes) {
    const auto size = static_cast<size_t>(std::min(kBytes, bytes - at));
    const Block& block = next();
    expect(cudaMemcpyAsync(block.data, static_cast<const char*>(source) + at, size, cudaMemcpyDeviceToHost,
                           stream_),
           "copy to the host");
    expect(cudaStreamSynchronize(stream_), "copy to the host");
    std::memcpy(static_cast<char*>(target) + at, block.data, size);
  }
}

}  // namespace outright::cuda
