#include "allocator.h"

#include <algorithm>
#include <iterator>

#include "error.h"

namespace outright::cuda {

namespace {

// Sizes are rounded so that rows of slightly different lengths reuse one another's blocks: to an eighth of
// the power of two below, 12.5 % at most.
int64_t rounded(int64_t bytes) {
  int64_t step = 512;
  while (step * 16 <= bytes) step *= 2;
  return (std::max<int64_t>(bytes, 1) + step - 1) / step * step;
}

}  // namespace

Allocator::~Allocator() {
  for (const auto& [data, block] : live_) cudaFree(const_cast<void*>(data));
  trim();
}

void* Allocator::take(int64_t size) {
  // a block of up to a quarter more is better than a new one
  const auto found = free_.lower_bound(size);
  if (found != free_.end() && found->first <= size + size / 4) {
    void* data = found->second;
    const int64_t bytes = found->first;
    free_.erase(found);
    live_[data] = {bytes, 0, false};
    return data;
  }
  void* data = nullptr;
  for (const int64_t missing : {size, INT64_MAX, int64_t{0}}) {
    const cudaError_t error = cudaMalloc(&data, static_cast<size_t>(size));
    if (error == cudaSuccess) {
      held_bytes_ += size;
      live_[data] = {size, 0, false};
      return data;
    }
    cudaGetLastError();  // or the next call would report it
    if (error != cudaErrorMemoryAllocation) expect(error, "alloc");
    if (missing > 0) trim(missing);
  }
  return nullptr;
}

void* Allocator::allocate(int64_t bytes, bool scratch) {
  const int64_t size = exact_ ? std::max<int64_t>(bytes, 1) : bytes > INT64_MAX / 2 ? bytes : rounded(bytes);
  void* data = bytes > INT64_MAX / 2 ? nullptr : take(size);
  if (!data) {
    size_t free = 0, total = 0;
    cudaMemGetInfo(&free, &total);
    fail(OUTRIGHT_OUT_OF_MEMORY,
         "out of memory on the GPU: asked for %lld bytes, %lld are free of %lld; live %lld, peak %lld",
         static_cast<long long>(bytes), static_cast<long long>(free), static_cast<long long>(total),
         static_cast<long long>(live_bytes_), static_cast<long long>(peak_bytes_));
  }
  Block& block = live_[data];
  block.asked = bytes;
  block.scratch = scratch;
  block_bytes_ += block.size;
  if (scratch) {
    scratch_bytes_ += block.size;
    scratch_peak_ = std::max(scratch_peak_, scratch_bytes_);
  } else {
    ++live_buffers_;
    live_bytes_ += bytes;
    peak_bytes_ = std::max(peak_bytes_, live_bytes_);
  }
  return data;
}

bool Allocator::release(const void* data) {
  const auto found = live_.find(data);
  if (found == live_.end()) return false;
  const Block block = found->second;
  live_.erase(found);
  if (exact_) {
    cudaFree(const_cast<void*>(data));
    held_bytes_ -= block.size;
  } else {
    free_.emplace(block.size, const_cast<void*>(data));
  }
  block_bytes_ -= block.size;
  if (block.scratch) {
    scratch_bytes_ -= block.size;
  } else {
    --live_buffers_;
    live_bytes_ -= block.asked;
  }
  return true;
}

void Allocator::trim(int64_t bytes) {
  while (!free_.empty() && bytes > 0) {
    const auto largest = std::prev(free_.end());
    const auto [size, data] = *largest;
    cudaFree(data);  // waits for the kernels that still use it
    held_bytes_ -= size;
    bytes -= size;
    free_.erase(largest);
  }
}

}  // namespace outright::cuda
