#include "staging.h"

#include <algorithm>
#include <cstring>

#include "error.h"

namespace outright::cuda {

Staging::Staging(cudaStream_t stream) : stream_(stream) {}

char* Staging::piece(int64_t bytes) {
  if (used_ + bytes > kBytes) {
    expect(cudaEventRecord(blocks_[current_].sent.get(), stream_), "copy to the device");
    current_ = (current_ + 1) % blocks_.size();
    used_ = 0;
    expect(cudaEventSynchronize(blocks_[current_].sent.get()), "copy to the device");
  }
  char* place = blocks_[current_].data.get() + used_;
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
  expect(cudaMemcpyAsync(received_.data.get(), source, static_cast<size_t>(bytes), cudaMemcpyDeviceToHost,
                         stream_),
         "copy to the host");
  expect(cudaEventRecord(received_.sent.get(), stream_), "copy to the host");
}

void Staging::finish_to_host(void* target, int64_t bytes) {
  expect(cudaEventSynchronize(received_.sent.get()), "copy to the host");
  std::memcpy(target, received_.data.get(), static_cast<size_t>(bytes));
}

}  // namespace outright::cuda
