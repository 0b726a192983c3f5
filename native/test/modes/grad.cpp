#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>
#include <utility>

#include "common.h"

namespace outright::test {

namespace {

// Central difference of the objective along `direction` in argument `input`.
double DifferenceAlong(const Case& c, const std::string& input, const std::vector<double>& direction) {
  constexpr double kStep = 1e-5;
  double sides[2];
  for (int side = 0; side < 2; ++side) {
    Values values(c.arguments);
    Argument& argument = values.Find(input);
    for (size_t i = 0; i < direction.size(); ++i)
      argument.values[i] += (side == 0 ? kStep : -kStep) * direction[i];
    sides[side] = c.objective(values);
  }
  return (sides[0] - sides[1]) / (2.0 * kStep);
}

// What the call added to the gradient.
std::vector<double> Added(const Case& c, const std::string& gradient, std::vector<double> after) {
  for (const Argument& argument : c.arguments) {
    if (argument.name != gradient || argument.role != Role::kInOut) continue;
    for (size_t i = 0; i < after.size(); ++i) after[i] -= argument.values[i];
  }
  return after;
}

// What the differences of objectives of size 1 cannot see: 1e-16 over the step.
constexpr double kDifferenceNoise = 1e-11;

std::string CheckSlope(const std::string& whose, const std::string& what, double difference, double slope,
                       double size, double tolerance) {
  const double error = std::fabs(slope - difference);
  if (error <= tolerance * (size + std::fabs(difference)) + kDifferenceNoise) return "";
  char text[200];
  std::snprintf(text, sizeof text, " %.9g, finite difference %.9g, error %.3g of its size (allowed %.3g)",
                slope, difference, error / (size + std::fabs(difference)), tolerance);
  return whose + " gradient by " + what + text;
}

// Saved statistics are float32, hence no tighter.
constexpr double kOracleTolerance = 2e-6;
constexpr double kBackendTolerance = 5e-5;

// What rounding the sum to bfloat16 does to what was added, relative to its size. In float32 it is nothing.
double Rounding(const Case& c, const std::string& gradient, double size) {
  for (const Argument& argument : c.arguments) {
    if (argument.name != gradient || argument.dtype != OUTRIGHT_BFLOAT16) continue;
    double largest = size;
    if (argument.role == Role::kInOut)
      for (const double value : argument.values) largest = std::max(largest, std::fabs(value));
    return size == 0.0 ? 0.0 : kBfloat16Rounding * (1.0 + largest / size);
  }
  return 0.0;
}

std::string CheckDerivative(const Case& c, const Derivative& derivative, Values& oracle,
                            const Execution& execution) {
  const std::vector<double> from_oracle =
      Added(c, derivative.gradient, oracle.Find(derivative.gradient).values);
  const std::vector<double> from_backend = Added(c, derivative.gradient, execution.Read(derivative.gradient));
  const size_t count = from_oracle.size();
  if (count == 0) return "";
  double squares = 0.0;
  for (const double value : from_oracle) squares += value * value;
  const double size = std::sqrt(squares / static_cast<double>(count));
  const double oracle_tolerance = kOracleTolerance + c.backward_rounding;
  const double backend_tolerance =
      kBackendTolerance + c.backward_rounding + Rounding(c, derivative.gradient, size);

  // Three random directions see every element at once; single elements say where it is wrong.
  Random random(c.seed() + Hash(derivative.input));
  std::vector<std::pair<std::string, std::vector<double>>> probes;
  for (int i = 0; i < 3; ++i) {
    probes.emplace_back(derivative.input + " along a random direction",
                        random.Normal(static_cast<int64_t>(count)));
  }
  std::set<size_t> elements;
  for (const int32_t i : random.Integers(16, static_cast<int64_t>(count)))
    elements.insert(static_cast<size_t>(i));
  for (const size_t i : elements) {
    std::vector<double> direction(count);
    direction[i] = 1.0;
    probes.emplace_back(derivative.input + "[" + std::to_string(i) + "]", std::move(direction));
  }
  for (const auto& [what, direction] : probes) {
    const double difference = DifferenceAlong(c, derivative.input, direction);
    double length = 0.0;
    double oracle_slope = 0.0;
    double backend_slope = 0.0;
    for (size_t i = 0; i < count; ++i) {
      length += direction[i] * direction[i];
      if (direction[i] == 0.0) continue;
      oracle_slope += direction[i] * from_oracle[i];
      backend_slope += direction[i] * from_backend[i];
    }
    const double expected_size = size * std::sqrt(length);
    std::string failure =
        CheckSlope("the oracle's", what, difference, oracle_slope, expected_size, oracle_tolerance);
    if (failure.empty()) {
      failure =
          CheckSlope("the backend's", what, difference, backend_slope, expected_size, backend_tolerance);
    }
    if (!failure.empty()) return failure;
  }
  return "";
}

}  // namespace

void RunGrad(const Suite& suite, Device& device, const Options& options, Tally& tally) {
  for (const Entry& entry : suite.cases) {
    if (!Selected(options, entry.op, entry.name)) continue;
    bool differentiable = true;
    const std::string failure = Guarded([&]() -> std::string {
      const Case c = entry.build();
      differentiable = !c.derivatives.empty() && c.expected == OUTRIGHT_OK;
      if (!differentiable) return "";
      Execution execution(device, c);
      const outright_status status = execution.Run();
      if (status != OUTRIGHT_OK) return Refusal(device, status);
      Values oracle(c.arguments);
      c.oracle(oracle);
      for (const Derivative& derivative : c.derivatives) {
        const std::string wrong = CheckDerivative(c, derivative, oracle, execution);
        if (!wrong.empty()) return wrong;
      }
      return "";
    });
    if (differentiable) tally.Record(entry.op, "grad of " + entry.name, failure, options.verbose);
  }
}

}  // namespace outright::test
