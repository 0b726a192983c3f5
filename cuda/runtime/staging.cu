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
  for (Block& block : blocks_) open(block);
  open(received_);
}

void Staging::open(Block& block) {
  block.data = pinned(kBytes);
  expect(cudaEventCreateWithFlags(&block.sent, cudaEventDisableTiming), "open");
}

Staging::~Staging() {
  for (const Block& block : blocks_) close(block);
  close(received_);
}

void Staging::close(const Block& block) {
  if (block.sent) cudaEventDestroy(block.sent);
  if (block.data) cudaFreeHost(block.data);
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
    const int64_t size = std::min(kBytes, bytes - at);
    begin_to_host(static_cast<const char*>(source) + at, size);
    finish_to_host(static_cast<char*>(target) + at, size);
  }
}

void Staging::begin_to_host(const void* source, int64_t bytes) {
  expect(cudaMemcpyAsync(received_.data, source, static_cast<size_t>(bytes), cudaMemcpyDeviceToHost, stream_),
         "copy to the host");
  expect(cudaEventRecord(received_.sent, stream_), "copy to the host");
}

void Staging::finish_to_host(void* target, int64_t bytes) {
  expect(cudaEventSynchronize(received_.sent), "copy to the host");
  std::memcpy(target, received_.data, static_cast<size_t>(bytes));
}

}  // namespace outright::cuda
