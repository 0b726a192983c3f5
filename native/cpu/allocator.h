// A caching allocator: freed blocks are kept and handed out again, since training asks for the same sizes
// each step, and for somewhat smaller ones where rows are shorter: those take the next larger block.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

namespace outright::cpu {

inline constexpr int64_t kAlignment = 64;  // bytes: a cache line, and the widest vector

class Allocator {
 public:
  Allocator() = default;
  ~Allocator();
  Allocator(const Allocator&) = delete;
  Allocator& operator=(const Allocator&) = delete;

  // Throws Failure(OUT_OF_MEMORY) with the asked, live and peak bytes.
  void* allocate(int64_t bytes);
  // false if `pointer` is not a live block.
  bool release(void* pointer);
  // Gives cached blocks back to the system.
  void trim();

  int64_t live_bytes() const { return live_bytes_; }
  int64_t peak_bytes() const { return peak_bytes_; }
  int64_t cached_bytes() const { return cached_bytes_; }
  int64_t live_buffers() const { return static_cast<int64_t>(live_.size()); }
  void reset_peak() { peak_bytes_ = live_bytes_; }

 private:
  using Cache = std::map<int64_t, std::vector<void*>>;
  struct Block {
    int64_t bytes;     // asked
    int64_t need;      // their size class
    int64_t capacity;  // of the block that was found for them
  };

  Cache::iterator fitting(int64_t need);
  void* take(Cache::iterator at);
  void make_room(int64_t need);

  std::unordered_map<void*, Block> live_;
  Cache cache_;  // free blocks by capacity
  int64_t live_bytes_ = 0;
  int64_t live_need_ = 0;
  int64_t live_capacity_ = 0;
  int64_t peak_need_ = 0;
  int64_t peak_bytes_ = 0;
  int64_t cached_bytes_ = 0;
};

// 64-byte aligned memory of the system, or nullptr.
void* system_allocate(int64_t bytes);
void system_release(void* pointer);

}  // namespace outright::cpu
