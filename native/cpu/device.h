// One open CPU device: its threads, memory, scratch space and matrix product.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "allocator.h"
#include "shared/failure.h"
#include "shared/range.h"
#include "thread_pool.h"

namespace outright::cpu {

// A block that grows to the largest request and is kept.
class Workspace {
 public:
  Workspace() = default;
  Workspace(Workspace&& other) noexcept : data_(other.data_), bytes_(other.bytes_) { other = {}; }
  ~Workspace() { release(); }
  Workspace& operator=(const Workspace&) = delete;

  // At least `floats` floats, contents undefined. Throws Failure(OUT_OF_MEMORY).
  float* reserve(int64_t floats);
  void release();
  float* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

 private:
  Workspace& operator=(Workspace&&) = default;
  float* data_ = nullptr;
  int64_t bytes_ = 0;
};

// Floats rounded up so that what follows is aligned again.
constexpr int64_t aligned(int64_t floats) { return (floats + 15) / 16 * 16; }

}  // namespace outright::cpu

// The opaque type of the C ABI.
struct outright_device {
  explicit outright_device(const outright_open_options& options);

  outright::cpu::ThreadPool pool;
  outright::cpu::Allocator allocator;
  std::string matmul;
  std::string hardware;
  std::string error;

  // Of losses, until take_results; and whether all these losses are finite.
  std::vector<double> results;
  bool finite_results = true;

  // Scratch of `floats` floats for each thread, taken before the threads start; thread_scratch() finds it
  // again.
  void reserve_threads(int64_t floats);
  float* thread_scratch(int thread) const { return per_thread_[static_cast<size_t>(thread)].data(); }
  // One block for the whole operation.
  float* reserve_shared(int64_t floats) { return shared_.reserve(floats); }

  int64_t workspace_bytes() const;
  void release_workspace();

 private:
  std::vector<outright::cpu::Workspace> per_thread_;
  outright::cpu::Workspace shared_;
};

namespace outright::cpu {
using Device = outright_device;
}
