// Counter-based test data: a value depends on (seed, stream, index) alone, so a failing case is reproduced by
// its seed whatever ran before it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

namespace outright::test {

// The SplitMix64 finaliser (Steele, Lea & Flood 2014).
inline uint64_t Mix(uint64_t z) {
  z += 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

// FNV-1a, to derive a case's seed from its name.
inline uint64_t Hash(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

class Random {
 public:
  explicit Random(uint64_t seed) : seed_(seed) {}

  // Bell-shaped: the sum of four uniform numbers of 16 bits each, so no element is beyond 3.5 deviations.
  // Each call takes the next stream.
  std::vector<double> Normal(int64_t count, double deviation = 1.0, double mean = 0.0) {
    std::vector<double> values(static_cast<size_t>(count));
    const uint64_t stream = Mix(seed_ ^ Mix(++stream_));
    const double scale = deviation * std::sqrt(3.0) * 0x1p-16;
    for (size_t i = 0; i < values.size(); ++i) {
      const uint64_t bits = Mix(stream + i);
      const uint64_t sum = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
      values[i] = mean + scale * (static_cast<double>(sum) - 131070.0);
    }
    return values;
  }

  std::vector<double> Uniform(int64_t count, double low, double high) {
    std::vector<double> values(static_cast<size_t>(count));
    const uint64_t stream = Mix(seed_ ^ Mix(++stream_));
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = low + (high - low) * static_cast<double>(Mix(stream + i) >> 11) * 0x1p-53;
    return values;
  }

  // Whole numbers in [0, bound).
  std::vector<int32_t> Integers(int64_t count, int64_t bound) {
    std::vector<int32_t> values(static_cast<size_t>(count));
    const uint64_t stream = Mix(seed_ ^ Mix(++stream_));
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<int32_t>(Mix(stream + i) % static_cast<uint64_t>(bound));
    }
    return values;
  }

 private:
  uint64_t seed_;
  uint64_t stream_ = 0;
};

// What a float32 buffer keeps of the values.
inline std::vector<double> AsFloat32(std::vector<double> values) {
  for (double& value : values) value = static_cast<double>(static_cast<float>(value));
  return values;
}

// What a bfloat16 buffer keeps of the values: the nearest of 8 bits of precision, ties to even. By way of
// float32, as backends round.
inline std::vector<double> AsBfloat16(std::vector<double> values) {
  values = AsFloat32(std::move(values));
  for (double& value : values) {
    if (value == 0.0 || !std::isfinite(value)) continue;
    int exponent = 0;
    std::frexp(value, &exponent);
    const double unit = std::ldexp(1.0, std::max(exponent - 8, -133));  // of the last place kept
    value = std::nearbyint(value / unit) * unit;
    if (std::fabs(value) >= 0x1p128) value = std::copysign(std::numeric_limits<double>::infinity(), value);
  }
  return values;
}

// Every upper half of a float32, each with lower halves that round down, up and both ways from the middle:
// zeros, subnormal numbers, NaN, infinities and what overflows among them.
inline std::vector<double> EveryUpperHalf() {
  std::vector<double> values;
  for (uint32_t upper = 0; upper < 0x10000; ++upper) {
    for (const uint32_t lower : {0x0000U, 0x0001U, 0x7fffU, 0x8000U, 0x8001U, 0xffffU}) {
      const uint32_t bits = upper << 16 | lower;
      float value;
      std::memcpy(&value, &bits, sizeof value);
      values.push_back(static_cast<double>(value));
    }
  }
  return values;
}

}  // namespace outright::test
