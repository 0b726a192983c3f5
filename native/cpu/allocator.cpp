#include "allocator.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "failure.h"

namespace outright::cpu {

namespace {

constexpr int64_t kHugePage = int64_t{2} << 20;
constexpr int64_t kSmall = int64_t{16} << 10;  // bytes below which a buffer takes no larger block
constexpr int64_t kLargestWaste = 4;           // a block may be so many times as large as asked

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
  const int64_t need = bytes > limit ? bytes : size_class(bytes);
  int64_t capacity = need;
  void* pointer = nullptr;
  if (auto found = fitting(need); found != cache_.end()) {
    capacity = found->first;
    pointer = take(found);
  } else if (bytes <= limit) {
    make_room(need);
    pointer = system_allocate(need);
    if (!pointer) {
      trim();
      pointer = system_allocate(need);
    }
  }
  if (!pointer)
    fail(OUTRIGHT_OUT_OF_MEMORY,
         "out of memory: asked for %lld bytes with %lld bytes in %lld live buffers (peak %lld)",
         static_cast<long long>(bytes), static_cast<long long>(live_bytes_),
         static_cast<long long>(live_.size()), static_cast<long long>(peak_bytes_));
  live_.emplace(pointer, Block{bytes, need, capacity});
  live_bytes_ += bytes;
  live_need_ += need;
  live_capacity_ += capacity;
  peak_bytes_ = std::max(peak_bytes_, live_bytes_);
  peak_need_ = std::max(peak_need_, live_need_);
  return pointer;
}

// The smallest free block that is large enough. Small buffers take their own class only: a large block is
// worth more than the few bytes that they would save.
Allocator::Cache::iterator Allocator::fitting(int64_t need) {
  const auto found = cache_.lower_bound(need);
  if (found == cache_.end()) return found;
  const int64_t most = need < kSmall ? need : kLargestWaste * need;
  return found->first <= most ? found : cache_.end();
}

void* Allocator::take(Cache::iterator at) {
  void* pointer = at->second.back();
  at->second.pop_back();
  cached_bytes_ -= at->first;
  if (at->second.empty()) cache_.erase(at);
  return pointer;
}

// What is held may exceed the most that was ever needed at once by a sixteenth. Above that free blocks go:
// those that were too small for this request first, the largest of them, since rows grow; then larger ones.
void Allocator::make_room(int64_t need) {
  const int64_t allowed = std::max(peak_need_, live_need_ + need) / 16 * 17;
  while (!cache_.empty() && live_capacity_ + cached_bytes_ + need > allowed) {
    auto victim = cache_.lower_bound(need);
    if (victim == cache_.begin())
      victim = std::prev(cache_.end());
    else
      --victim;
    system_release(take(victim));
  }
}

bool Allocator::release(void* pointer) {
  const auto found = live_.find(pointer);
  if (found == live_.end()) return false;
  const Block block = found->second;
  live_.erase(found);
  live_bytes_ -= block.bytes;
  live_need_ -= block.need;
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
