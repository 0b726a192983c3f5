#include "allocator.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "failure.h"

namespace outright::cpu {

namespace {

constexpr int64_t kHugePage = int64_t{2} << 20;

// Eight classes to each power of two: at most an eighth of a block is wasted, and rows of nearly equal length
// share their blocks.
int64_t size_class(int64_t bytes) {
  bytes = std::max(bytes, kAlignment);
  const int64_t step =
      std::max(kAlignment, static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(bytes)) / 8));
  return (bytes + step - 1) / step * step;
}

}  // namespace

void* system_allocate(int64_t bytes) {
  const int64_t alignment = bytes >= 2 * kHugePage ? kHugePage : kAlignment;
  const int64_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  void* pointer = nullptr;
  if (posix_memalign(&pointer, static_cast<size_t>(alignment), static_cast<size_t>(rounded)) != 0)
    return nullptr;
#ifdef MADV_HUGEPAGE
  if (alignment == kHugePage)  // fewer address translations in large matrices; a wish, not a need
    madvise(pointer, static_cast<size_t>(rounded / kHugePage * kHugePage), MADV_HUGEPAGE);
#endif
  return pointer;
}

void system_release(void* pointer) { std::free(pointer); }

Allocator::~Allocator() {
  trim();
  for (auto& [pointer, block] : live_) system_release(pointer);
}

void* Allocator::allocate(int64_t bytes) {
  const int64_t limit = INT64_MAX / 2;
  const int64_t capacity = bytes > limit ? bytes : size_class(bytes);
  void* pointer = nullptr;
  if (auto found = cache_.find(capacity); found != cache_.end()) {
    pointer = found->second.back();
    found->second.pop_back();
    if (found->second.empty()) cache_.erase(found);
    cached_bytes_ -= capacity;
  } else if (bytes <= limit) {
    // What is held may exceed the most that was ever in use by a quarter; above that the largest free blocks
    // go.
    const int64_t allowed = std::max(peak_capacity_, live_capacity_ + capacity) / 4 * 5;
    while (!cache_.empty() && live_capacity_ + cached_bytes_ + capacity > allowed) {
      auto largest = std::prev(cache_.end());
      system_release(largest->second.back());
      largest->second.pop_back();
      cached_bytes_ -= largest->first;
      if (largest->second.empty()) cache_.erase(largest);
    }
    pointer = system_allocate(capacity);
    if (!pointer) {
      trim();
      pointer = system_allocate(capacity);
    }
  }
  if (!pointer)
    fail(OUTRIGHT_OUT_OF_MEMORY,
         "out of memory: asked for %lld bytes with %lld bytes in %lld live buffers (peak %lld)",
         static_cast<long long>(bytes), static_cast<long long>(live_bytes_),
         static_cast<long long>(live_.size()), static_cast<long long>(peak_bytes_));
  live_.emplace(pointer, Block{bytes, capacity});
  live_bytes_ += bytes;
  live_capacity_ += capacity;
  peak_bytes_ = std::max(peak_bytes_, live_bytes_);
  peak_capacity_ = std::max(peak_capacity_, live_capacity_);
  return pointer;
}

bool Allocator::release(void* pointer) {
  const auto found = live_.find(pointer);
  if (found == live_.end()) return false;
  const Block block = found->second;
  live_.erase(found);
  live_bytes_ -= block.bytes;
  live_capacity_ -= block.capacity;
  cache_[block.capacity].push_back(pointer);
  cached_bytes_ += block.capacity;
  return true;
}

void Allocator::trim() {
  for (auto& [capacity, blocks] : cache_)
    for (void* pointer : blocks) system_release(pointer);
  cache_.clear();
  cached_bytes_ = 0;
}

}  // namespace outright::cpu
