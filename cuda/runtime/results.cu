#include "results.h"

#include <algorithm>
#include <cstring>

#include "error.h"

namespace outright::cuda {

namespace {

constexpr int64_t kBlock = 8192;  // numbers

constexpr size_t bytes_of(int64_t numbers) { return static_cast<size_t>(numbers) * sizeof(double); }

}  // namespace

Results::Results(cudaStream_t stream) : stream_(stream) {
  void* data = nullptr;
  expect(cudaMalloc(&data, sizeof(int32_t)), "open");
  not_finite_ = static_cast<int32_t*>(data);
  expect(cudaMemsetAsync(not_finite_, 0, sizeof(int32_t), stream_), "open");
  expect(cudaEventCreateWithFlags(&sent_, cudaEventDisableTiming), "open");
  open(kBlock);  // before other things fill the device
}

Results::~Results() {
  for (const Block& block : blocks_) close(block);
  if (sent_) cudaEventDestroy(sent_);
  cudaFree(not_finite_);
}

void Results::open(int64_t capacity) {
  void *device = nullptr, *host = nullptr;
  expect(cudaMalloc(&device, bytes_of(capacity)), "results");
  const cudaError_t pinned = cudaHostAlloc(&host, bytes_of(capacity), cudaHostAllocDefault);
  if (pinned != cudaSuccess) cudaFree(device);
  expect(pinned, "results");
  blocks_.push_back({static_cast<double*>(device), static_cast<double*>(host), capacity, 0});
}

void Results::close(const Block& block) {
  cudaFree(block.device);
  cudaFreeHost(block.host);
}

double* Results::place(int64_t count) {
  if (blocks_.back().used + count > blocks_.back().capacity) open(std::max(count, kBlock));
  return blocks_.back().device + blocks_.back().used;
}

void Results::send(int64_t count) {
  if (count == 0) return;
  Block& block = blocks_.back();
  double* host = block.host + block.used;
  expect(cudaMemcpyAsync(host, block.device + block.used, bytes_of(count), cudaMemcpyDeviceToHost, stream_),
         "results");
  expect(cudaEventRecord(sent_, stream_), "results");
  block.used += count;
  waiting_ += count;
  parts_.push_back({host, count});
}

void Results::take(double* values) {
  if (waiting_ > 0) expect(cudaEventSynchronize(sent_), "results");
  for (const auto& [host, count] : parts_) {
    std::memcpy(values, host, bytes_of(count));
    values += count;
  }
  forget();
}

void Results::forget() {
  if (waiting_ > 0) expect(cudaMemsetAsync(not_finite_, 0, sizeof(int32_t), stream_), "results");
  waiting_ = 0;
  parts_.clear();
  // one block is enough for most; the host's memory is free once its copies are done
  if (blocks_.size() > 1) expect(cudaEventSynchronize(sent_), "results");
  while (blocks_.size() > 1) {
    close(blocks_.back());
    blocks_.pop_back();
  }
  blocks_.front().used = 0;
}

}  // namespace outright::cuda
