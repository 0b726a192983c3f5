// One function per file here; each adds its operations' cases, checks and benches to the table.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "../harness/case.h"

namespace outright::test {

void AddMemory(Suite& suite);
void AddLinear(Suite& suite);
void AddEmbedding(Suite& suite);
void AddNorm(Suite& suite);
void AddRotary(Suite& suite);
void AddAttention(Suite& suite);
void AddAttentionCached(Suite& suite);
void AddActivation(Suite& suite);
void AddRows(Suite& suite);
void AddHead(Suite& suite);
void AddLosses(Suite& suite);
void AddOptimizer(Suite& suite);
void AddCast(Suite& suite);
void AddDropout(Suite& suite);
void AddMaster(Suite& suite);
void AddStochasticRounding(Suite& suite);

inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

// "7x31x64": sizes as case names write them.
template <typename... Sizes>
std::string Shape(int64_t first, Sizes... rest) {
  std::string text = std::to_string(first);
  ((text += "x" + std::to_string(static_cast<int64_t>(rest))), ...);
  return text;
}

inline std::string Accumulating(bool accumulate) { return accumulate ? " accumulate" : ""; }

inline double Root(int64_t count) { return std::sqrt(static_cast<double>(count)); }

inline std::vector<double> Zeros(int64_t count) { return std::vector<double>(static_cast<size_t>(count)); }

inline std::vector<double> Filled(int64_t count, double value) {
  return std::vector<double>(static_cast<size_t>(count), value);
}

// sum of a * b: the objective whose derivative by b's inputs is the backward pass of a.
inline double Weigh(const double* a, const std::vector<double>& b) {
  double sum = 0.0;
  for (size_t i = 0; i < b.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// What bfloat16 kernels may lose besides by rounding intermediate results (probabilities, gradients of
// logits) to bfloat16 before they multiply with them.
inline Tolerance WithRoundedFactors(const Case& c, Tolerance tolerance) {
  if (!c.InBfloat16()) return tolerance;
  return {tolerance.normalised + kBfloat16Rounding, tolerance.worst + 2.0 * kBfloat16Rounding,
          tolerance.floor};
}

template <typename T>
std::vector<T> PickRows(const std::vector<T>& values, int64_t width, const std::vector<int64_t>& rows) {
  std::vector<T> picked;
  for (const int64_t row : rows) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(row * width);
    picked.insert(picked.end(), begin, begin + static_cast<std::ptrdiff_t>(width));
  }
  return picked;
}

}  // namespace outright::test
