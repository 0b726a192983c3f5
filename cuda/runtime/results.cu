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
  expect(cudaMemsetAsync(not_finite(), 0, sizeof(int32_t), stream_), "open");
  open(kBlock);  // before other things fill the device
}

void Results::open(int64_t capacity) {
  blocks_.push_back(
      {device_memory<double>(capacity, "results"), pinned_memory<double>(capacity, "results"), capacity, 0});
}

double* Results::place(int64_t count) {
  if (blocks_.back().used + count > blocks_.back().capacity) open(std::max(count, kBlock));
  return blocks_.back().device.get() + blocks_.back().used;
}

void Results::send(int64_t count) {
  if (count == 0) return;
  Block& block = blocks_.back();
  double* host = block.host.get() + block.used;
  expect(cudaMemcpyAsync(host, block.device.get() + block.used, bytes_of(count), cudaMemcpyDeviceToHost,
                         stream_),
         "results");
  expect(cudaEventRecord(sent_.get(), stream_), "results");
  block.used += count;
  waiting_ += count;
  parts_.push_back({host, count});
}

void Results::take(double* values) {
  if (waiting_ > 0) expect(cudaEventSynchronize(sent_.get()), "results");
  for (const auto& [host, count] : parts_) {
    std::memcpy(values, host, bytes_of(count));
    values += count;
  }
  forget();
}

void Results::forget() {
  if (waiting_ > 0) expect(cudaMemsetAsync(not_finite(), 0, sizeof(int32_t), stream_), "results");
  waiting_ = 0;
  parts_.clear();
  // one block is enough for most; the host's memory is free once its copies are done
  if (blocks_.size() > 1) expect(cudaEventSynchronize(sent_.get()), "results");
  blocks_.erase(blocks_.begin() + 1, blocks_.end());
  blocks_.front().used = 0;
}

}  // namespace outright::cuda
