// The threads of a block as coroutines. ucontext makes their stacks, _setjmp and _longjmp switch between
// them: these need no system call.
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include <dlfcn.h>
#include <ucontext.h>

#include "cuda_runtime.h"
#include "products.h"

namespace simt {

Place place;

namespace {

constexpr size_t kStackBytes = 64 << 10;

enum class State { kReady, kAtBlockBarrier, kAtWarpBarrier, kDone };

// A copy that goes on beside its thread.
struct Copy {
  void* to;
  const void* from;
  bool there;
  void arrive() const {
    races::writes(to, 16);
    if (there)
      std::memcpy(to, from, 16);
    else
      std::memset(to, 0, 16);
  }
};

// Memory on whose beginning pieces of 128 bytes are exchanged.
struct Aligned {
  void operator()(char* bytes) const { std::free(bytes); }
};
std::unique_ptr<char[], Aligned> aligned_bytes(size_t bytes) {
  void* at = nullptr;
  if (posix_memalign(&at, 1024, std::max(bytes, size_t{1})) != 0) std::abort();
  return std::unique_ptr<char[], Aligned>(static_cast<char*>(at));
}

struct Thread {
  State state = State::kReady;
  jmp_buf at{};
  ucontext_t begin{};
  bool begun = false;
  uint3 index;
  races::Runner runner;
  std::unique_ptr<char[]> stack;
  std::deque<std::vector<Copy>> copies{1};  // groups, of which the last is open
};

struct Block {
  std::vector<Thread> threads;
  std::vector<uint64_t> slots;              // kWarp for each warp
  std::unique_ptr<char[], Aligned> shared;  // of its size to the byte, for AddressSanitizer
  size_t shared_bytes = 0;
  jmp_buf scheduler{};
  ucontext_t home{};
  const std::function<void()>* kernel = nullptr;
  unsigned current = 0, size = 0;
  bool at_once = false;  // copies and products, or when they are waited for
};
Block running;

#if defined(OUTRIGHT_ADDRESS_SANITIZER)
// AddressSanitizer's own looks through the stack that is left, which takes longer than all else here.
[[noreturn]] void jump(jmp_buf to) {
  using Jump = void (*)(jmp_buf, int);
  static const auto of_libc = reinterpret_cast<Jump>(dlsym(dlopen("libc.so.6", RTLD_LAZY), "_longjmp"));
  of_libc(to, 1);
  std::abort();
}
#else
[[noreturn]] void jump(jmp_buf to) { _longjmp(to, 1); }
#endif

// A coroutine serves one thread after the other, of this kernel and the next: beginning one needs a system
// call.
void entry() {
  for (;;) {
    (*running.kernel)();
    Thread& self = running.threads[running.current];
    self.state = State::kDone;
    if (_setjmp(self.at) == 0) jump(running.scheduler);
  }
}

// Back to the scheduler until it finds the thread ready again.
void wait(State state) {
  Thread& self = running.threads[running.current];
  self.state = state;
  if (_setjmp(self.at) == 0) jump(running.scheduler);
}

void tell_who_runs(const Thread& thread) { races::runs(&thread.runner, thread.stack.get(), kStackBytes); }

// Does not come back: the thread goes to the scheduler when it waits or ends.
[[noreturn]] void enter(Thread& thread) {
  if (!thread.stack) thread.stack = std::make_unique<char[]>(kStackBytes);
  tell_who_runs(thread);
  if (thread.begun) jump(thread.at);
  thread.begun = true;
  getcontext(&thread.begin);
  thread.begin.uc_stack.ss_sp = thread.stack.get();
  thread.begin.uc_stack.ss_size = kStackBytes;
  thread.begin.uc_link = nullptr;
  makecontext(&thread.begin, entry, 0);
  setcontext(&thread.begin);
  std::abort();
}

void resume(unsigned i) {
  running.current = i;
  place.thread = running.threads[i].index;
  if (_setjmp(running.scheduler) == 0) enter(running.threads[i]);
  races::runs(nullptr, nullptr, 0);
}

// Lets go whom everybody has joined who is to join. True if someone may run.
bool release() {
  bool ready = false;
  for (unsigned first = 0; first < running.size; first += kWarp) {
    const unsigned last = std::min(first + kWarp, running.size);
    bool all = true, some = false;
    for (unsigned i = first; i < last; ++i) {
      const State state = running.threads[i].state;
      all = all && (state == State::kAtWarpBarrier || state == State::kDone);
      some = some || state == State::kAtWarpBarrier;
    }
    for (unsigned i = first; all && some && i < last; ++i) {
      if (running.threads[i].state != State::kAtWarpBarrier) continue;
      running.threads[i].state = State::kReady;
      ready = true;
    }
  }
  if (ready) return true;
  for (unsigned i = 0; i < running.size; ++i)
    if (running.threads[i].state == State::kAtWarpBarrier) {
      std::fprintf(stderr, "emulation: thread %u waits for lanes of its warp that wait elsewhere\n", i);
      std::abort();
    }
  unsigned waiting = 0;
  for (unsigned i = 0; i < running.size; ++i)
    waiting += running.threads[i].state == State::kAtBlockBarrier ? 1 : 0;
  if (waiting == 0) return false;
  if (waiting != running.size) {
    std::fprintf(stderr, "emulation: %u of %u threads wait at a barrier, the others have ended\n", waiting,
                 running.size);
    std::abort();
  }
  products::look_at_barrier();
  for (unsigned i = 0; i < running.size; ++i) running.threads[i].state = State::kReady;
  return true;
}

void run_block(bool reverse) {
  for (unsigned i = 0; i < running.size; ++i) {
    running.threads[i].state = State::kReady;
    running.threads[i].runner = {.thread = i};
    running.threads[i].copies.assign(1, {});
  }
  products::begin_block(running.size, running.shared.get(), running.shared_bytes, running.at_once);
  do {
    for (unsigned k = 0; k < running.size; ++k) {
      const unsigned i = reverse ? running.size - 1 - k : k;
      if (running.threads[i].state == State::kReady) resume(i);
    }
  } while (release());
  products::end_block();
}

}  // namespace

void run(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()>& kernel) {
  // one device, which several threads of the host may use
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  running.kernel = &kernel;
  running.size = block.x * block.y * block.z;
  if (running.threads.size() < running.size) running.threads.resize(running.size);
  running.slots.resize((running.size + kWarp - 1) / kWarp * kWarp);
  running.shared = aligned_bytes(shared_bytes);
  running.shared_bytes = shared_bytes;
  std::memset(running.shared.get(), 0x7f, shared_bytes);  // what was there is nobody's business
  place.block_size = block;
  place.grid_size = grid;
  for (unsigned i = 0; i < running.size; ++i)
    running.threads[i].index = {i % block.x, i / block.x % block.y, i / block.x / block.y};
  static bool backwards = false;
  backwards = !backwards;
  races::begin_grid();
  const uint64_t blocks = uint64_t{grid.x} * grid.y * grid.z;
  for (uint64_t k = 0; k < blocks; ++k) {
    const uint64_t b = backwards ? blocks - 1 - k : k;
    place.block = {static_cast<unsigned>(b % grid.x), static_cast<unsigned>(b / grid.x % grid.y),
                   static_cast<unsigned>(b / grid.x / grid.y)};
    races::begin_block(b);
    // copies may arrive, and products be done, when they are begun, or when they are waited for
    running.at_once = k / 2 % 2 == 1;
    run_block(k % 2 == 1);
  }
}

void* dynamic_shared() { return running.shared.get(); }
void copy_async(void* to, const void* from, bool there) {
  const bool aligned = (reinterpret_cast<uintptr_t>(to) | reinterpret_cast<uintptr_t>(from)) % 16 == 0;
  if (!aligned) {
    std::fprintf(stderr, "emulation: a copy to shared memory does not lie on 16 bytes\n");
    std::abort();
  }
  // it may be under way from here on
  if (there) races::reads(from, 16);
  races::writes(to, 16);
  const Copy copy{to, from, there};
  products::copy_begins(to);
  if (running.at_once) copy.arrive();
  running.threads[running.current].copies.back().push_back(copy);
}
void close_copies() { running.threads[running.current].copies.emplace_back(); }
void wait_for_copies(int later) {
  Thread& self = running.threads[running.current];
  while (static_cast<int>(self.copies.size()) - 1 > later) {
    for (const Copy& copy : self.copies.front()) {
      if (!running.at_once) copy.arrive();
      products::copy_arrived(copy.to);
    }
    self.copies.pop_front();
  }
}

void block_barrier() {
  Thread& self = running.threads[running.current];
  ++self.runner.block_barriers;
  wait(State::kAtBlockBarrier);
}
void warp_barrier() {
  Thread& self = running.threads[running.current];
  ++self.runner.warp_barriers;
  wait(State::kAtWarpBarrier);
}
void join_lanes() { wait(State::kAtWarpBarrier); }
unsigned thread_of_block() { return running.current; }
unsigned lane() { return running.current % kWarp; }
uint64_t* lane_slots() { return running.slots.data() + running.current / kWarp * kWarp; }

}  // namespace simt
