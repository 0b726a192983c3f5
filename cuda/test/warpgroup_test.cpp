// Products of warpgroups (kernels/tensor_warpgroup.cuh) on the emulation: their numbers, and whether it ends
// a process that keeps to none of the rules of kernels/wgmma.cuh. Prints "N passed, M failed".
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "ends_process.h"
#include "kernels/tensor_warpgroup.cuh"

namespace {

using namespace outright;
using namespace outright::cuda;
using Products = WarpgroupProducts;

constexpr int kRows = 128;  // of the left side: two warpgroups

// Numbers that bfloat16 has, and whose products and sums are exact.
float left_number(int row, int c) { return static_cast<float>((row * 7 + c * 3) % 17 - 8); }
float right_number(int row, int c) { return static_cast<float>((row * 5 + c * 11) % 13 - 6) / 8; }

void expect_equal(float found, float wanted) {
  if (found != wanted) std::abort();
}

template <int kC>
struct Tiles {
  Tile<Products, kC, kRows> left;
  Tile<Products, kC> right;
  WarpPlace<> place;

  explicit Tiles(void* shared) : left{static_cast<bfloat16*>(shared)}, right{left.end()} {}

  void fill() const {
    for (int i = static_cast<int>(threadIdx.x); i < kRows * kC; i += 2 * kWarpgroup)
      *left.at(i / kC, i % kC) = narrow<bfloat16>(left_number(i / kC, i % kC));
    for (int i = static_cast<int>(threadIdx.x); i < kTileRows * kC; i += 2 * kWarpgroup)
      *right.at(i / kC, i % kC) = narrow<bfloat16>(right_number(i / kC, i % kC));
    hand_over_to_products();
    __syncthreads();
  }
  static constexpr size_t kBytes = (kRows + kTileRows) * kC * sizeof(bfloat16);
};

template <int kC>
void expect_dots(const FragmentC (&sums)[1][kBlocks], const WarpPlace<>& place) {
  for (int i = 0; i < kBlocks * 4; ++i) {
    const int row = place.row_of(0, i % 4 / 2), column = i / 4 * 8 + place.t * 2 + i % 2;
    float wanted = 0;
    for (int c = 0; c < kC; ++c) wanted += left_number(row, c) * right_number(column, c);
    expect_equal(sums[0][i / 4].at[i % 4], wanted);
  }
}

template <int kC>
void dots_of_tiles(void* shared) {
  const Tiles<kC> tiles(shared);
  tiles.fill();
  FragmentC sums[1][kBlocks];
  Products::dots(sums, tiles.left, tiles.right, tiles.place);
  Products::await(sums);
  expect_dots<kC>(sums, tiles.place);
}

template <int kC>
void dots_of_registers(void* shared) {
  const Tiles<kC> tiles(shared);
  tiles.fill();
  FragmentA left[kC / 16];
  Products::load_left(left, tiles.left, tiles.place);
  FragmentC sums[1][kBlocks];
  Products::dots(sums, left, tiles.right);
  Products::await(sums);
  expect_dots<kC>(sums, tiles.place);
}

template <int kC>
void weighted_rows(void* shared) {
  const Tiles<kC> tiles(shared);
  tiles.fill();
  FragmentC factors[1][kBlocks], sums[1][kC / 8];
  for (FragmentC& block : sums[0]) block = {{1, 2, 3, 4}};
  for (int i = 0; i < kBlocks * 4; ++i)
    factors[0][i / 4].at[i % 4] =
        left_number(tiles.place.row_of(0, i % 4 / 2), i / 4 * 8 + tiles.place.t * 2 + i % 2);
  Products::add_weighted(sums, factors, tiles.right, tiles.place);
  Products::await(sums);
  for (int i = 0; i < kC / 2; ++i) {
    const int row = tiles.place.row_of(0, i % 4 / 2), column = i / 4 * 8 + tiles.place.t * 2 + i % 2;
    float wanted = static_cast<float>(i % 4 + 1);
    for (int j = 0; j < kTileRows; ++j) wanted += left_number(row, j) * right_number(j, column);
    expect_equal(sums[0][i / 4].at[i % 4], wanted);
  }
}

// Two groups, of which the earlier is awaited first.
void groups_in_turn(void* shared) {
  const Tiles<64> tiles(shared);
  tiles.fill();
  FragmentC first[1][kBlocks], second[1][kBlocks];
  Products::dots(first, tiles.left, tiles.right, tiles.place);
  Products::dots(second, tiles.left, tiles.right, tiles.place);
  Products::await<1>(first);
  expect_dots<64>(first, tiles.place);
  Products::await(second);
  expect_dots<64>(second, tiles.place);
}

template <bool kHandedOver>
void a_copy_comes_in(void* shared) {
  const Tiles<64> tiles(shared);
  tiles.fill();
  alignas(16) static const bfloat16 zeros[8] = {};
  if (threadIdx.x == 0) copy_async(tiles.right.at(0, 0), zeros, true);
  close_copies();
  wait_for_copies<0>();
  if (kHandedOver) hand_over_to_products();
  __syncthreads();
  FragmentC sums[1][kBlocks];
  Products::dots(sums, tiles.left, tiles.right, tiles.place);
  Products::await(sums);
}

void registers_are_not_ordered(void* shared) {
  const Tiles<64> tiles(shared);
  tiles.fill();
  FragmentC sums[8];
  multiply_rows(sums, describe(tiles.left.data, 16), describe(tiles.right.data, 16), false);
  close_products();
  wait_for_products();
}

void a_warp_stays_away(void* shared) {
  const Tiles<64> tiles(shared);
  tiles.fill();
  FragmentC sums[1][kBlocks];
  if (threadIdx.x / kWarp != 5) {
    Products::dots(sums, tiles.left, tiles.right, tiles.place);
    Products::await(sums);
  }
  __syncthreads();
}

void a_product_is_not_awaited(void* shared) {
  const Tiles<64> tiles(shared);
  tiles.fill();
  FragmentC sums[1][kBlocks];
  Products::dots(sums, tiles.left, tiles.right, tiles.place);
}

void a_matrix_lies_in_another_way(void* shared) {
  const Tiles<64> tiles(shared);
  tiles.fill();
  FragmentC sums[8];
  order_registers();
  const uint64_t unswizzled = describe(tiles.left.data, 16) & ~(uint64_t{3} << 62);
  multiply_rows(sums, unswizzled, describe(tiles.right.data, 16), false);
  close_products();
  wait_for_products();
}

void a_matrix_lies_beyond_shared_memory(void* shared) {
  const Tiles<64> tiles(shared);
  tiles.fill();
  FragmentC sums[8];
  order_registers();
  multiply_rows(sums, describe(tiles.left.data, 16), describe(tiles.right.end() - 64, 16), false);
  close_products();
  wait_for_products();
}

struct Case {
  const char* name;
  void (*kernel)(void*);
  size_t bytes;
  bool wrong;
};
const Case kCases[] = {
    {"dots of tiles, 64", dots_of_tiles<64>, Tiles<64>::kBytes, false},
    {"dots of tiles, 128", dots_of_tiles<128>, Tiles<128>::kBytes, false},
    {"dots of registers, 64", dots_of_registers<64>, Tiles<64>::kBytes, false},
    {"dots of registers, 128", dots_of_registers<128>, Tiles<128>::kBytes, false},
    {"weighted rows, 64", weighted_rows<64>, Tiles<64>::kBytes, false},
    {"weighted rows, 128", weighted_rows<128>, Tiles<128>::kBytes, false},
    {"groups in turn", groups_in_turn, Tiles<64>::kBytes, false},
    {"a copy is handed over", a_copy_comes_in<true>, Tiles<64>::kBytes, false},
    {"a copy is not handed over", a_copy_comes_in<false>, Tiles<64>::kBytes, true},
    {"registers are not ordered", registers_are_not_ordered, Tiles<64>::kBytes, true},
    {"a warp stays away", a_warp_stays_away, Tiles<64>::kBytes, true},
    {"a product is not awaited", a_product_is_not_awaited, Tiles<64>::kBytes, true},
    {"a matrix lies in another way", a_matrix_lies_in_another_way, Tiles<64>::kBytes, true},
    {"a matrix lies beyond shared memory", a_matrix_lies_beyond_shared_memory, Tiles<64>::kBytes, true},
};

}  // namespace

int main() {
  int passed = 0, failed = 0;
  for (const auto& [name, kernel, bytes, wrong] : kCases) {
    // four blocks: products are done when they are begun in two, when they are awaited in the others
    const bool ended = ends_process([kernel = kernel, bytes = bytes] {
      simt::run(dim3(4), dim3(2 * kWarpgroup), bytes, [=] { kernel(simt::dynamic_shared()); });
    });
    (ended == wrong ? passed : failed) += 1;
    if (ended != wrong)
      std::printf("FAIL %s: %s\n", name, wrong ? "nothing was found" : "wrong numbers, or a rule was broken");
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
