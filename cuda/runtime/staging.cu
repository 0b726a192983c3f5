#include "staging.h"

#include <algorithm>
#include <cstring>

#include "error.h"

namespace outright::cuda {

namespace {

char* pinned(int64_t bytes) {
  void* data = nullptr;
  expect(cudaHostAlloc(&data, static_cast<size_t>(bytes), cudaHostAllocDefault), "pinned memory");
  return static_cast<char*>(data);
}

}  // namespace

Staging::Staging(cudaStream_t stream) : stream_(stream) {
  for (Block& block : blocks_) {
    block.data = pinned(kBytes);
    expect(cudaEventCreateWithFlags(&block.sent, cudaEventDisableTiming), "open");
  }
  received_ = pinned(kBytes);
}

Staging::~Staging() {
  for (const Block& block : blocks_) {
    if (block.sent) cudaEventDestroy(block.sent);
    if (block.data) cudaFreeHost(block.data);
  }
  if (received_) cudaFreeHost(received_);
}

char* Staging::piece(int64_t bytes) {
  if (used_ + bytes > kBytes) {
    expect(cudaEventRecord(blocks_[current_].sent, stream_), "copy to the device");
    current_ = (current_ + 1) % blocks_.size();
    used_ = 0;
    expect(cudaEventSynchronize(blocks_[current_].sent), "copy to the device");
  }
  char* place = blocks_[current_].data + used_;
  used_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  return place;
}

void Staging::to_device(void* target, const void* source, int64_t bytes) {
  for (int64_t at = 0; at < bytes; at += kBytes) {
    const int64_t size = std::min(kBytes, bytes - at);
    char* place = piece(size);
    std::memcpy(place, static_cast<const char*>(source) + at, static_cast<size_t>(size));
    expect(cudaMemcpyAsync(static_cast<char*>(target) + at, place, static_cast<size_t>(size),
                           cudaMemcpyHostToDevice, stream_),
           "copy to the device");
  }
}

void Staging::to_host(void* target, const void* source, int64_t bytes) {
  for (int64_t at = 0; at < bytes; at += kBytes) {
    const auto size = static_cast<size_t>(std::min(kBytes, bytes - at));
    expect(cudaMemcpyAsync(received_, static_cast<const char*>(source) + at, size, cudaMemcpyDeviceToHost,
                           stream_),
           "copy to the host");
    expect(cudaStreamSynchronize(stream_), "copy to the host");
    std::memcpy(static_cast<char*>(target) + at, received_, size);
  }
}

}  // namespace outright::cuda
