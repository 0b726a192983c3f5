// What a warpgroup does together on tensor cores, by the PTX ISA (wgmma.mma_async m64nNk16 with bfloat16, its
// matrix descriptors and fences). Part of cuda_runtime.h.
#pragma once

namespace simt {

// A product that goes on beside the threads that queued it; of each thread its own sums, 4 of each 8 columns.
struct GroupProduct {
  float* sums;
  int columns;
  bool adds;
  bool left_in_registers;
  float left[2][16];  // of this thread's two rows
  uint64_t left_tile, right_tile;
  bool right_by_rows;  // 16 rows of `columns` numbers, else `columns` rows of 16
};
// It is done when it is begun, or when it is waited for.
void queue(const GroupProduct& product);

// left: 4 registers of a fragment, or null where left_tile describes it.
inline void multiply(float* sums, int columns, const uint32_t* left, uint64_t left_tile, uint64_t right_tile,
                     bool right_by_rows, bool adds) {
  GroupProduct product{sums, columns, adds, left != nullptr, {}, left_tile, right_tile, right_by_rows};
  if (left != nullptr) {
    const auto two = [](uint32_t low, uint32_t high) { return low | uint64_t{high} << 32; };
    const Lanes near = gather(two(left[0], left[1])), far = gather(two(left[2], left[3]));
    for (unsigned r = 0; r < 2; ++r)
      for (unsigned k = 0; k < 16; ++k)
        product.left[r][k] = half_of((k < 8 ? near : far).of[lane() / 4 * 4 + k % 8 / 2], r, k % 2);
  }
  queue(product);
}

}  // namespace simt
