// Device memory: blocks that are kept for reuse. With one stream a block may be given to the next one who
// asks while the kernels of its last owner are still queued: they run before the next owner's.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>

namespace outright::cuda {

class Allocator {
 public:
  // `exact`: blocks of the sizes that are asked for, none of them kept, so that a memory checker sees where
  // they end.
  explicit Allocator(bool exact) : exact_(exact) {}
  ~Allocator();
  Allocator(const Allocator&) = delete;
  Allocator& operator=(const Allocator&) = delete;

  // At least `bytes`, aligned to 256, contents undefined. Throws Failure(OUT_OF_MEMORY). Scratch, which
  // kernels use within one call, is counted apart.
  void* allocate(int64_t bytes, bool scratch = false);
  // False when `data` is no live block.
  bool release(const void* data);
  // Gives what is not live back to the system: all of it, or of the largest blocks so many as `bytes` need.
  void trim(int64_t bytes = INT64_MAX);

  int64_t live_bytes() const { return live_bytes_; }
  int64_t peak_bytes() const { return peak_bytes_; }
  int64_t cached_bytes() const { return held_bytes_ - block_bytes_; }
  int64_t live_buffers() const { return live_buffers_; }
  int64_t scratch_peak_bytes() const { return scratch_peak_; }
  void reset_peak() { peak_bytes_ = live_bytes_; }

 private:
  struct Block {
    int64_t size;   // of the block
    int64_t asked;  // by its owner
    bool scratch;
  };
  void* take(int64_t size);

  const bool exact_;
  std::unordered_map<const void*, Block> live_;
  std::multimap<int64_t, void*> free_;
  int64_t held_bytes_ = 0, block_bytes_ = 0, live_bytes_ = 0, peak_bytes_ = 0, live_buffers_ = 0;
  int64_t scratch_bytes_ = 0, scratch_peak_ = 0;
};

}  // namespace outright::cuda
