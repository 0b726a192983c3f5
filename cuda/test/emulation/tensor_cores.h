// What a warp does together on tensor cores, by the tables of the PTX ISA (mma.m16n8k16 with bfloat16,
// ldmatrix): each lane looks up what the others hold. Part of cuda_runtime.h.
#pragma once

namespace simt {

// What every lane of the warp gives.
struct Lanes {
  uint64_t of[kWarp];
};
NOT_CHECKED_FOR_RACES inline Lanes gather(uint64_t mine) {
  uint64_t* slots = lane_slots();
  slots[lane()] = mine;
  join_lanes();
  Lanes all;
  std::memcpy(all.of, slots, sizeof all.of);
  join_lanes();
  return all;
}

// Element `half` (0 or 1) of a pair of bfloat16.
inline float half_of(uint64_t pairs, unsigned pair, unsigned half) {
  const auto bits = static_cast<uint32_t>(pairs >> (32 * pair + 16 * half)) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// c [16, 8] += a [16, 16] b [16, 8]
inline void multiply_add(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  const auto two = [](uint32_t low, uint32_t high) { return low | uint64_t{high} << 32; };
  const Lanes left = gather(two(a[0], a[1])), right = gather(two(a[2], a[3])), below = gather(two(b0, b1));
  const auto at_a = [&](unsigned row, unsigned k) {
    const unsigned from = row % 8 * 4 + k % 8 / 2;
    return half_of((k < 8 ? left : right).of[from], row / 8, k % 2);
  };
  const auto at_b = [&](unsigned k, unsigned column) {
    return half_of(below.of[column * 4 + k % 8 / 2], k / 8, k % 2);
  };
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned row = lane() / 4 + i / 2 * 8, column = lane() % 4 * 2 + i % 2;
    for (unsigned k = 0; k < 16; ++k) c[i] += at_a(row, k) * at_b(k, column);
  }
}

// Matrix i of four: its row r lies where lane 8i + r says.
inline void load_matrices(uint32_t (&to)[4], const void* row, bool transposed) {
  if (reinterpret_cast<uintptr_t>(row) % 16 != 0) {
    std::fprintf(stderr, "emulation: a row of a matrix does not lie on 16 bytes\n");
    std::abort();
  }
  const Lanes rows = gather(reinterpret_cast<uintptr_t>(row));
  const auto element = [&](unsigned matrix, unsigned r, unsigned c) {
    uint16_t bits;
    std::memcpy(&bits, reinterpret_cast<const char*>(rows.of[8 * matrix + r]) + 2 * c, sizeof bits);
    return uint32_t{bits};
  };
  const unsigned g = lane() / 4, t = lane() % 4;
  for (unsigned i = 0; i < 4; ++i)
    to[i] = transposed ? element(i, 2 * t, g) | element(i, 2 * t + 1, g) << 16
                       : element(i, g, 2 * t) | element(i, g, 2 * t + 1) << 16;
}

}  // namespace simt
