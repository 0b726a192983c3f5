#include "compare.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace outright::test {

namespace {

std::string At(size_t index, double expected, double got) {
  char text[128];
  std::snprintf(text, sizeof text, "index %zu: expected %.9g, got %.9g", index, expected, got);
  return text;
}

}  // namespace

Comparison Compare(const std::vector<double>& expected, const std::vector<double>& got,
                   const Tolerance& tolerance) {
  Comparison result;
  double squares = 0.0;
  size_t finite = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (std::isfinite(expected[i])) {
      squares += expected[i] * expected[i];
      ++finite;
      if (!std::isfinite(got[i])) result.failure = At(i, expected[i], got[i]);
    } else if (std::isnan(expected[i]) ? !std::isnan(got[i]) : got[i] != expected[i]) {
      result.failure = At(i, expected[i], got[i]);
    }
    if (!result.failure.empty()) return result;
  }
  if (finite == 0) return result;

  const double count = static_cast<double>(finite);
  const double size = std::max(std::sqrt(squares / count), tolerance.floor);
  double errors = 0.0;
  size_t worst_at = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!std::isfinite(expected[i])) continue;
    const double error = std::fabs(got[i] - expected[i]);
    errors += error * error;
    // An expected zero among zeros must be met exactly: error / 0 is infinite.
    const double relative = error == 0.0 ? 0.0 : error / (size + std::fabs(expected[i]));
    if (relative > result.worst) {
      result.worst = relative;
      worst_at = i;
    }
  }
  const double root = std::sqrt(errors / count);
  result.normalised = root == 0.0 ? 0.0 : root / size;
  if (result.worst > tolerance.worst || result.normalised > tolerance.normalised) {
    char text[160];
    std::snprintf(text, sizeof text, "normalised error %.3g (allowed %.3g), worst %.3g (allowed %.3g), ",
                  result.normalised, tolerance.normalised, result.worst, tolerance.worst);
    result.failure = text + At(worst_at, expected[worst_at], got[worst_at]);
  }
  return result;
}

}  // namespace outright::test
