// Buffers, cut from large pieces of address space. Training asks for much the same buffers at each step, so
// that freed memory is kept and used again; neighbouring free parts become one, so that it also fits other
// sizes.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>

namespace outright::cpu {

inline constexpr int64_t kAlignment = 64;  // bytes: a cache line, and the widest vector

// Where in the memory that is in use a buffer is put.
enum class Place { kLow, kHigh };

class Allocator {
 public:
  Allocator() = default;
  ~Allocator();
  Allocator(const Allocator&) = delete;
  Allocator& operator=(const Allocator&) = delete;

  // Throws Failure(OUT_OF_MEMORY) with the asked, live and peak bytes.
  void* allocate(int64_t bytes, Place place = Place::kLow);
  // false if `pointer` is not a live block.
  bool release(void* pointer);
  // Gives free memory back to the system.
  void trim();

  int64_t live_bytes() const { return live_bytes_; }
  int64_t peak_bytes() const { return peak_bytes_; }
  // Free memory that was used before, so that the system holds it for us.
  int64_t cached_bytes() const;
  int64_t live_buffers() const { return static_cast<int64_t>(live_.size()); }
  void reset_peak() { peak_bytes_ = live_bytes_; }

 private:
  // A free part of a region. No more than its first `used` bytes were ever written.
  struct Free {
    int64_t size, used;
  };
  using FreeParts = std::map<char*, Free>;  // by address
  struct Block {
    int64_t bytes;  // asked
    int64_t size;   // taken
  };

  FreeParts::iterator best_fit(int64_t size);
  FreeParts::iterator highest_used_fit(int64_t size);
  char* cut(FreeParts::iterator part, int64_t offset, int64_t size);
  FreeParts::iterator add_region(int64_t size);
  FreeParts::iterator join(FreeParts::iterator low, FreeParts::iterator high);

  std::map<char*, int64_t> regions_;  // of address space, and their sizes
  FreeParts free_;
  std::unordered_map<void*, Block> live_;
  int64_t live_bytes_ = 0;
  int64_t peak_bytes_ = 0;
};

// 64-byte aligned memory of the system, or nullptr.
void* system_allocate(int64_t bytes);
void system_release(void* pointer);

}  // namespace outright::cpu
