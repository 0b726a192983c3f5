#include "races.h"

#include <dlfcn.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <unordered_map>

namespace simt::races {

namespace {

constexpr uint32_t kWarp = 32;
constexpr uintptr_t kGrain = 2;  // bytes that are looked at together: no kernel has smaller numbers
constexpr uintptr_t kPageBytes = 4096;

struct Access {
  uint32_t grid = 0;  // 0: none yet
  uint32_t block = 0;
  Runner by;
  const void* code = nullptr;
};

// What is remembered of one place. Of its readers since the last barrier, the first, and one of another warp
// if there is any, else the last.
struct Place {
  Access write, first_read, other_read;
};
using Page = std::array<Place, kPageBytes / kGrain>;

std::unordered_map<uintptr_t, std::unique_ptr<Page>> pages;
// Found without the map: the last page of every remainder.
struct Known {
  uintptr_t number = 0;
  Page* page = nullptr;
};
std::array<Known, 256> known;
std::map<uintptr_t, uint64_t> device_memory;
Access now;
const char* stack = nullptr;
uint64_t stack_bytes = 0;
bool in_kernel = false;

bool on_device(uintptr_t at) {
  const auto after = device_memory.upper_bound(at);
  if (after == device_memory.begin()) return false;
  const auto& [begin, bytes] = *std::prev(after);
  return at < begin + bytes;
}

// Of one block, or of two; false where they may stand in any order.
bool ordered(const Access& before, uintptr_t at) {
  if (before.grid != now.grid) return true;
  if (before.block != now.block) return !on_device(at);  // shared memory begins anew with every block
  if (before.by.thread == now.by.thread) return true;
  if (before.by.block_barriers != now.by.block_barriers) return true;
  const bool same_warp = before.by.thread / kWarp == now.by.thread / kWarp;
  return same_warp && before.by.warp_barriers != now.by.warp_barriers;
}

void print_code(const void* code) {
  Dl_info library{};
  if (dladdr(code, &library) == 0) return;
  const auto offset = static_cast<const char*>(code) - static_cast<const char*>(library.dli_fbase);
  std::fflush(stderr);
  char command[4096];
  std::snprintf(command, sizeof command, "addr2line -Cfpie '%s' %#tx >&2 || echo '%s+%#tx' >&2",
                library.dli_fname, offset - 1, library.dli_fname, offset);
  if (std::system(command) != 0) std::fprintf(stderr, "somewhere\n");
}

[[noreturn]] void report(const char* what, const Access& before, uintptr_t at) {
  std::fprintf(
      stderr,
      "emulation: a race: thread %u of block %u %s %p, %s memory, after thread %u of block %u, and no "
      "barrier between\n",
      now.by.thread, now.block, what, reinterpret_cast<void*>(at), on_device(at) ? "device" : "shared",
      before.by.thread, before.block);
  print_code(now.code);
  std::fprintf(stderr, "after\n");
  print_code(before.code);
  std::abort();
}

Page& page_of(uintptr_t number) {
  Known& entry = known[number % known.size()];
  if (entry.page && entry.number == number) return *entry.page;
  std::unique_ptr<Page>& page = pages[number];
  if (!page) page = std::make_unique<Page>();
  entry = {number, page.get()};
  return *page;
}

// The places of an access, one after the other.
template <typename Look>
void each_place(const void* address, uint64_t bytes, const void* code, Look look) {
  if (!in_kernel) return;
  const auto begin = reinterpret_cast<uintptr_t>(address);
  if (begin - reinterpret_cast<uintptr_t>(stack) < stack_bytes) return;
  now.code = code;
  for (uintptr_t at = begin / kGrain * kGrain; at < begin + bytes; at += kGrain) {
    look(at, page_of(at / kPageBytes)[at % kPageBytes / kGrain]);
  }
}

void read(const void* address, uint64_t bytes, const void* code) {
  each_place(address, bytes, code, [](uintptr_t at, Place& place) {
    if (!ordered(place.write, at)) report("reads", place.write, at);
    const auto since = [](const Access& access) {
      return access.grid == now.grid && access.block == now.block &&
             access.by.block_barriers == now.by.block_barriers;
    };
    const auto warp = [](const Access& access) { return access.by.thread / kWarp; };
    // a reader of another block may meet a writer that comes later: it is the one to remember
    const bool of_another_block = place.first_read.grid == now.grid && place.first_read.block != now.block;
    if (of_another_block && on_device(at)) {
      place.other_read = now;
    } else if (!since(place.first_read)) {
      place.first_read = now;
    } else if (!since(place.other_read) || warp(place.other_read) == warp(place.first_read)) {
      place.other_read = now;
    }
  });
}

void write(const void* address, uint64_t bytes, const void* code) {
  each_place(address, bytes, code, [](uintptr_t at, Place& place) {
    if (!ordered(place.write, at)) report("writes", place.write, at);
    for (const Access& read : {place.first_read, place.other_read})
      if (!ordered(read, at)) report("writes", read, at);
    place.write = now;
  });
}

}  // namespace

void begin_grid() { ++now.grid; }
void begin_block(uint64_t block) { now.block = static_cast<uint32_t>(block); }
void runs(const Runner* runner, const char* its_stack, uint64_t its_stack_bytes) {
  in_kernel = runner != nullptr;
  if (!in_kernel) return;
  now.by = *runner;
  stack = its_stack;
  stack_bytes = its_stack_bytes;
}
void reads(const void* at, uint64_t bytes) { read(at, bytes, __builtin_return_address(0)); }
void writes(const void* at, uint64_t bytes) { write(at, bytes, __builtin_return_address(0)); }
void allocated(const void* at, uint64_t bytes) { device_memory[reinterpret_cast<uintptr_t>(at)] = bytes; }
void freed(const void* at) {
  const auto found = device_memory.find(reinterpret_cast<uintptr_t>(at));
  if (found == device_memory.end()) return;
  const auto [begin, bytes] = *found;
  device_memory.erase(found);
  for (uintptr_t page = begin / kPageBytes; page <= (begin + bytes) / kPageBytes; ++page) pages.erase(page);
  known = {};
}

}  // namespace simt::races

// What -fsanitize=thread calls.
#define OUTRIGHT_ACCESS(bytes)                                                                               \
  void __tsan_read##bytes(void* at) { simt::races::read(at, bytes, __builtin_return_address(0)); }           \
  void __tsan_write##bytes(void* at) { simt::races::write(at, bytes, __builtin_return_address(0)); }         \
  void __tsan_unaligned_read##bytes(void* at) { simt::races::read(at, bytes, __builtin_return_address(0)); } \
  void __tsan_unaligned_write##bytes(void* at) { simt::races::write(at, bytes, __builtin_return_address(0)); }
extern "C" {
OUTRIGHT_ACCESS(1)
OUTRIGHT_ACCESS(2)
OUTRIGHT_ACCESS(4)
OUTRIGHT_ACCESS(8)
OUTRIGHT_ACCESS(16)
void __tsan_read_range(void* at, unsigned long bytes) {
  simt::races::read(at, bytes, __builtin_return_address(0));
}
void __tsan_write_range(void* at, unsigned long bytes) {
  simt::races::write(at, bytes, __builtin_return_address(0));
}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_init() {}
}
