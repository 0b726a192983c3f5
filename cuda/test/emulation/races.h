// Finds accesses of memory by threads of one grid that nothing orders, as compute-sanitizer's racecheck does
// on a GPU, and those of different blocks too. The compiler tells of every access of the kernels
// (-fsanitize=thread, whose calls races.cpp takes), the emulation of every barrier. The first race ends the
// process with a message. Without OUTRIGHT_RACES (cuda/test/CMakeLists.txt) nothing of this is there.
#pragma once

#include <cstdint>

#if defined(OUTRIGHT_RACES)
#define NOT_CHECKED_FOR_RACES __attribute__((no_sanitize("thread")))
#else
#define NOT_CHECKED_FOR_RACES
#endif

namespace simt::races {

// A thread of a block, and what orders it among the others: the barriers that it has passed.
struct Runner {
  uint32_t thread = 0, block_barriers = 0, warp_barriers = 0;
};

#if defined(OUTRIGHT_RACES)
void begin_grid();
void begin_block(uint64_t block);
// Who runs from now on; its stack is its own. Null: the host.
void runs(const Runner* runner, const char* stack, uint64_t stack_bytes);
void reads(const void* at, uint64_t bytes);
void writes(const void* at, uint64_t bytes);
// Device memory, which blocks share.
void allocated(const void* at, uint64_t bytes);
void freed(const void* at);
#else
inline void begin_grid() {}
inline void begin_block(uint64_t) {}
inline void runs(const Runner*, const char*, uint64_t) {}
inline void reads(const void*, uint64_t) {}
inline void writes(const void*, uint64_t) {}
inline void allocated(const void*, uint64_t) {}
inline void freed(const void*) {}
#endif

}  // namespace simt::races
