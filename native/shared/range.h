// Work cut into parts.
#pragma once

#include <algorithm>
#include <cstdint>

namespace outright {

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Part i of [0, size) cut into parts of `step`.
struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};
inline Range part(int64_t i, int64_t step, int64_t size) {
  return {i * step, std::min(size, (i + 1) * step)};
}

}  // namespace outright
