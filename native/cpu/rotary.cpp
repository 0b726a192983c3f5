// Rotary position embedding (Su et al., 2021), half-split convention as in GPT-NeoX and Llama.
#include "operations.h"
#include "shared/check.h"
#include "shared/rotary_shape.h"
#include "tiles.h"

namespace outright::cpu {

namespace {

// Turns the pairs (x[i], x[i + half]) of one head by the angles whose cosines and sines are given. x may be
// y.
template <typename Storage>
void turn(const Storage* x, const float* cos, const float* sin, Storage* y, int64_t half, float sign,
          bool accumulate) {
  for_vectors(half, [&](int64_t i, int64_t n) {
    const Vec c = load_n(cos + i, n);
    const Vec s = load_n(sin + i, n) * sign;
    const Vec a = load_n(x + i, n);
    const Vec b = load_n(x + half + i, n);
    const Vec first = a * c - b * s;
    const Vec second = b * c + a * s;
    store_n(y + i, accumulate ? load_n(y + i, n) + first : first, n);
    store_n(y + half + i, accumulate ? load_n(y + half + i, n) + second : second, n);
  });
}

template <typename Storage>
void pass(const Storage* x, Storage* y, int64_t count, bool accumulate) {
  if (x == y) return;
  if (!accumulate) {
    std::copy_n(x, count, y);
    return;
  }
  for_vectors(count, [&](int64_t i, int64_t n) { store_n(y + i, load_n(y + i, n) + load_n(x + i, n), n); });
}

}  // namespace

void rotary(Device& device, const outright_tensor* x, const outright_tensor* cos, const outright_tensor* sin,
            const outright_tensor* positions, const outright_tensor* y, int64_t T, int64_t slots, int64_t C,
            int64_t R, int64_t period, int64_t rotated, int64_t max_positions, int32_t inverse,
            int32_t accumulate) {
  with_storage(x, [&](auto storage) {
    using Storage = decltype(storage);
    Check check("rotary");
    check_rotary(check, T, slots, C, R, period, rotated, max_positions);
    const Storage* X = check.input<Storage>(x, "x", {T, slots, C});
    const float* COS = check.input(cos, "cos", {max_positions, R / 2});
    const float* SIN = check.input(sin, "sin", {max_positions, R / 2});
    const int32_t* POSITIONS = check.indices(positions, "positions", T, max_positions);
    Storage* Y = accumulate ? check.output<Storage>(y, "y", {T, slots, C})
                            : check.in_place<Storage>(y, "y", {T, slots, C});
    check.separate();

    constexpr int64_t kRows = 16;
    const int64_t half = R / 2;
    const double work = 4.0 * static_cast<double>(T) * static_cast<double>(slots) * static_cast<double>(C);
    device.pool.run(ceil_div(T, kRows), work, [&](int64_t tile, int) {
      const Range rows = part(tile, kRows, T);
      for (int64_t t = rows.begin; t < rows.end; ++t) {
        const float* cosines = COS + POSITIONS[t] * half;
        const float* sines = SIN + POSITIONS[t] * half;
        for (int64_t slot = 0; slot < slots; ++slot) {
          const Storage* from = X + (t * slots + slot) * C;
          Storage* to = Y + (t * slots + slot) * C;
          const int64_t turned = slot % period < rotated ? R : 0;
          if (turned) turn(from, cosines, sines, to, half, inverse ? -1.0f : 1.0f, accumulate != 0);
          pass(from + turned, to + turned, C - turned, accumulate != 0);
        }
      }
    });
  });
}

}  // namespace outright::cpu
