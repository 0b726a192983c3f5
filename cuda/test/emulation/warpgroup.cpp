// Products of warpgroups, of the block that runs: queued, waited for, and held to the rules of
// kernels/wgmma.cuh. What breaks one ends the process.
#include <cstdio>
#include <cstring>
#include <deque>
#include <vector>

#include "cuda_runtime.h"
#include "products.h"

namespace simt {

namespace {

constexpr unsigned kGroup = 4 * kWarp;

struct Thread {
  std::vector<const void*> arrived;                 // copies that it has not handed over
  std::deque<std::vector<GroupProduct>> groups{1};  // not waited for; the last is open
  unsigned queued = 0;                              // products, of the block
  bool registers_ordered = false;
};

struct Block {
  std::vector<Thread> threads;
  char* shared = nullptr;
  size_t shared_bytes = 0;
  std::vector<bool> not_handed_over;  // of each 16 bytes
  bool at_once = false;
};
Block running;

Thread& self() { return running.threads[thread_of_block()]; }

[[noreturn]] void give_up(const char* why) {
  std::fprintf(stderr, "emulation: %s\n", why);
  std::abort();
}

size_t piece_of(const void* at) { return shared_address(at) / 16; }

// A number of a matrix in shared memory; `row` and `column` are counted along its panels.
float number_at(uint64_t matrix, int row, int column, bool by_rows) {
  const auto field = [&](int bit) { return (matrix >> bit & 0x3fff) * 16; };
  if (matrix >> 62 != 1 || (matrix >> 49 & 7) != 0) give_up("a matrix that is not in 128-byte swizzle");
  uint64_t at = field(0) + static_cast<uint64_t>(row / 8) * field(32) + static_cast<uint64_t>(row % 8) * 128 +
                static_cast<uint64_t>(column % 64) * 2;
  if (by_rows) at += static_cast<uint64_t>(column / 64) * field(16);
  at ^= at >> 3 & 0x70;
  if (at + 2 > running.shared_bytes) give_up("a product reads beyond shared memory");
  if (running.not_handed_over[at / 16]) give_up("a product reads what was not handed over to it");
  const char* const bytes = running.shared + at;
  races::reads(bytes, 2);
  uint16_t half;
  std::memcpy(&half, bytes, sizeof half);
  return half_of(half, 0, 0);
}

void do_product(const GroupProduct& product) {
  const int warp = static_cast<int>(thread_of_block() % kGroup / kWarp);
  const int g = static_cast<int>(lane()) / 4, t = static_cast<int>(lane()) % 4;
  float left[2][16];
  for (int r = 0; r < 2; ++r)
    for (int k = 0; k < 16; ++k)
      left[r][k] = product.left_in_registers ? product.left[r][k]
                                             : number_at(product.left_tile, 16 * warp + g + 8 * r, k, false);
  for (int i = 0; i < product.columns / 4; ++i) {  // two of each 8 columns
    const int column = i / 2 * 8 + t * 2 + i % 2;
    float right[16];
    for (int k = 0; k < 16; ++k)
      right[k] = product.right_by_rows ? number_at(product.right_tile, k, column, true)
                                       : number_at(product.right_tile, column, k, false);
    for (int r = 0; r < 2; ++r) {
      float& sum = product.sums[i / 2 * 4 + 2 * r + i % 2];
      if (!product.adds) sum = 0.0f;
      for (int k = 0; k < 16; ++k) sum += left[r][k] * right[k];
    }
  }
}

}  // namespace

uint32_t shared_address(const void* at) {
  return static_cast<uint32_t>(static_cast<const char*>(at) - running.shared);
}
void order_registers() { self().registers_ordered = true; }
void queue(const GroupProduct& product) {
  if (!self().registers_ordered) give_up("a product whose registers are not ordered");
  ++self().queued;
  if (running.at_once) do_product(product);
  self().groups.back().push_back(product);
}
void close_products() { self().groups.emplace_back(); }
void wait_for_products(int later) {
  auto& groups = self().groups;
  self().registers_ordered = false;
  while (static_cast<int>(groups.size()) - 1 > later) {
    if (!running.at_once)
      for (const GroupProduct& product : groups.front()) do_product(product);
    groups.pop_front();
  }
}
void hand_over_to_products() {
  for (const void* to : self().arrived) running.not_handed_over[piece_of(to)] = false;
  self().arrived.clear();
}

namespace products {

void begin_block(unsigned threads, char* shared, size_t shared_bytes, bool at_once) {
  running.threads.resize(threads);
  for (Thread& thread : running.threads) {  // its groups have been waited for
    thread.arrived.clear();
    thread.queued = 0;
    thread.registers_ordered = false;
  }
  running.shared = shared;
  running.shared_bytes = shared_bytes;
  running.not_handed_over.assign(shared_bytes / 16 + 1, false);
  running.at_once = at_once;
}
void look_at_barrier() {
  const std::vector<Thread>& threads = running.threads;
  for (size_t i = 0; i < threads.size(); ++i) {
    if (threads[i].queued != threads[i / kGroup * kGroup].queued)
      give_up("a product of a warpgroup that not all of its threads queued");
    if (threads[i].queued > 0 && threads.size() % kGroup != 0)
      give_up("a product of a warpgroup in a block without whole ones");
  }
}
void end_block() {
  look_at_barrier();
  for (const Thread& thread : running.threads)
    if (thread.groups.size() > 1 || !thread.groups.back().empty())
      give_up("a block ended before its products were waited for");
}
void copy_begins(const void* to) { running.not_handed_over[piece_of(to)] = true; }
void copy_arrived(const void* to) { self().arrived.push_back(to); }

}  // namespace products

}  // namespace simt
