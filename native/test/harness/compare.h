// Expected against got: NaN for NaN, infinity for infinity, everything else within a tolerance.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "case.h"

namespace outright::test {

struct Comparison {
  std::string failure;      // empty when equal enough
  double normalised = 0.0;  // root mean square error / size
  double worst = 0.0;       // largest error / (size + the element's own)
};

Comparison Compare(const std::vector<double>& expected, const std::vector<double>& got,
                   const Tolerance& tolerance);

}  // namespace outright::test
