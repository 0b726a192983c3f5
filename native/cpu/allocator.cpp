#include "allocator.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>

#include "shared/failure.h"

// AddressSanitizer is told which bytes are a caller's; what is free and the gap behind each buffer is
// poisoned.
#if defined(__SANITIZE_ADDRESS__)
#define OUTRIGHT_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OUTRIGHT_POISON 1
#endif
#endif
#if defined(OUTRIGHT_POISON)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(pointer, size) static_cast<void>(0)
#define ASAN_UNPOISON_MEMORY_REGION(pointer, size) static_cast<void>(0)
#endif

namespace outright::cpu {

namespace {

constexpr int64_t kHugePage = int64_t{2} << 20;
// Address space that is asked for at a time; memory follows when it is written to. (What is poisoned takes
// memory of its own.)
#if defined(OUTRIGHT_POISON)
constexpr int64_t kRegion = int64_t{64} << 20;
constexpr int64_t kGap = kAlignment;
#else
constexpr int64_t kRegion = int64_t{16} << 30;
constexpr int64_t kGap = 0;
#endif

int64_t round_up(int64_t bytes, int64_t to) { return (bytes + to - 1) / to * to; }

// A wish, not a need: fewer address translations in large matrices.
void want_huge_pages([[maybe_unused]] void* pointer, [[maybe_unused]] int64_t bytes) {
#ifdef MADV_HUGEPAGE
  madvise(pointer, static_cast<size_t>(bytes), MADV_HUGEPAGE);
#endif
}

// Address space that begins at a huge page, or nullptr.
char* map_region(int64_t bytes) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#ifdef MAP_NORESERVE
  flags |= MAP_NORESERVE;
#endif
  void* mapped = mmap(nullptr, static_cast<size_t>(bytes + kHugePage), PROT_READ | PROT_WRITE, flags, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  char* begin = static_cast<char*>(mapped);
  const int64_t before =
      (kHugePage - static_cast<int64_t>(reinterpret_cast<uintptr_t>(begin) % kHugePage)) % kHugePage;
  if (before > 0) munmap(begin, static_cast<size_t>(before));
  if (before < kHugePage) munmap(begin + before + bytes, static_cast<size_t>(kHugePage - before));
  want_huge_pages(begin + before, bytes);
  return begin + before;
}

void unmap_region(char* begin, int64_t bytes) {
  ASAN_UNPOISON_MEMORY_REGION(begin, static_cast<size_t>(bytes));
  munmap(begin, static_cast<size_t>(bytes));
}

// The whole pages of a free part, given back; they are zero when next read.
void give_back(char* begin, int64_t bytes) {
  constexpr uintptr_t kPage = 65536;  // no system has larger ones
  const uintptr_t from = (reinterpret_cast<uintptr_t>(begin) + kPage - 1) / kPage * kPage;
  const uintptr_t to = (reinterpret_cast<uintptr_t>(begin) + static_cast<uintptr_t>(bytes)) / kPage * kPage;
  if (from < to) madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
}

}  // namespace

void* system_allocate(int64_t bytes) {
  const int64_t alignment = bytes >= 2 * kHugePage ? kHugePage : kAlignment;
  const int64_t rounded = round_up(bytes, kAlignment);
  void* pointer = nullptr;
  if (posix_memalign(&pointer, static_cast<size_t>(alignment), static_cast<size_t>(rounded)) != 0)
    return nullptr;
  if (alignment == kHugePage) want_huge_pages(pointer, rounded / kHugePage * kHugePage);
  return pointer;
}

void system_release(void* pointer) { std::free(pointer); }

Allocator::~Allocator() {
  for (const auto& [begin, bytes] : regions_) unmap_region(begin, bytes);
}

void* Allocator::allocate(int64_t bytes, Place place) {
  const bool possible = bytes <= INT64_MAX / 4;
  const int64_t size = possible ? round_up(std::max(bytes, kAlignment) + kGap, kAlignment) : bytes;
  char* pointer = nullptr;
  if (const auto high = place == Place::kHigh && possible ? highest_used_fit(size) : free_.end();
      high != free_.end()) {
    pointer = cut(high, high->second.used - size, size);
  } else if (possible) {
    auto low = best_fit(size);
    if (low == free_.end()) low = add_region(size);
    if (low != free_.end()) pointer = cut(low, 0, size);
  }
  if (!pointer)
    fail(OUTRIGHT_OUT_OF_MEMORY,
         "out of memory: asked for %lld bytes with %lld bytes in %lld live buffers (peak %lld)",
         static_cast<long long>(bytes), static_cast<long long>(live_bytes_),
         static_cast<long long>(live_.size()), static_cast<long long>(peak_bytes_));
  ASAN_UNPOISON_MEMORY_REGION(pointer, static_cast<size_t>(bytes));
  live_.emplace(pointer, Block{bytes, size});
  live_bytes_ += bytes;
  peak_bytes_ = std::max(peak_bytes_, live_bytes_);
  return pointer;
}

// The smallest free part that is large enough, the lowest of these: the large ones stay whole.
Allocator::FreeParts::iterator Allocator::best_fit(int64_t size) {
  auto best = free_.end();
  for (auto part = free_.begin(); part != free_.end(); ++part)
    if (part->second.size >= size && (best == free_.end() || part->second.size < best->second.size))
      best = part;
  return best;
}

// For what is made while a pass frees its buffers: it gathers at the top, and they leave one hole.
Allocator::FreeParts::iterator Allocator::highest_used_fit(int64_t size) {
  for (auto part = free_.end(); part != free_.begin();)
    if ((--part)->second.used >= size) return part;
  return free_.end();
}

// Bytes [offset, offset + size) of a free part; what is left below and above stays free.
char* Allocator::cut(FreeParts::iterator at, int64_t offset, int64_t size) {
  char* begin = at->first;
  const Free part = at->second;
  const int64_t end = offset + size;
  free_.erase(at);
  if (offset > 0) free_[begin] = {offset, std::min(part.used, offset)};
  if (part.size > end) free_[begin + end] = {part.size - end, std::max<int64_t>(0, part.used - end)};
  return begin + offset;
}

Allocator::FreeParts::iterator Allocator::add_region(int64_t size) {
  int64_t bytes = round_up(std::max(size, kRegion), kHugePage);
  char* begin = map_region(bytes);
  if (!begin) {  // where address space is limited
    bytes = round_up(size, kHugePage);
    begin = map_region(bytes);
  }
  if (!begin) return free_.end();
  ASAN_POISON_MEMORY_REGION(begin, static_cast<size_t>(bytes));
  regions_[begin] = bytes;
  return free_.emplace(begin, Free{bytes, 0}).first;
}

// Makes two free parts one if they touch and are of the same region.
Allocator::FreeParts::iterator Allocator::join(FreeParts::iterator low, FreeParts::iterator high) {
  if (low->first + low->second.size != high->first || regions_.count(high->first) > 0) return high;
  low->second.used = high->second.used > 0 ? low->second.size + high->second.used : low->second.used;
  low->second.size += high->second.size;
  free_.erase(high);
  return low;
}

bool Allocator::release(void* pointer) {
  const auto found = live_.find(pointer);
  if (found == live_.end()) return false;
  const Block block = found->second;
  live_.erase(found);
  live_bytes_ -= block.bytes;
  ASAN_POISON_MEMORY_REGION(pointer, static_cast<size_t>(block.size));
  auto part = free_.emplace(static_cast<char*>(pointer), Free{block.size, block.size}).first;
  if (part != free_.begin()) part = join(std::prev(part), part);
  if (const auto next = std::next(part); next != free_.end()) join(part, next);
  return true;
}

int64_t Allocator::cached_bytes() const {
  int64_t bytes = 0;
  for (const auto& [begin, part] : free_) bytes += part.used;
  return bytes;
}

void Allocator::trim() {
  for (auto part = free_.begin(); part != free_.end();) {
    const auto region = regions_.find(part->first);
    if (region != regions_.end() && region->second == part->second.size) {
      unmap_region(region->first, region->second);
      regions_.erase(region);
      part = free_.erase(part);
    } else {
      give_back(part->first, part->second.used);
      part->second.used = 0;
      ++part;
    }
  }
}

}  // namespace outright::cpu
