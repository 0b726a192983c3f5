#include "modes.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <set>
#include <stdexcept>

#include "compare.h"
#include "execution.h"

namespace outright::test {

namespace {

// What goes wrong inside one case must not end the others.
template <typename Body>
std::string Guarded(const Body& body) {
  try {
    return body();
  } catch (const std::exception& error) {
    return std::string("threw: ") + error.what();
  }
}

std::string Refusal(const Device& device, outright_status status) {
  return std::string("status ") + StatusName(status) + ", \"" + device.LastError() + "\"";
}

std::string CheckRefused(const Device& device, const Case& c, const Execution& execution,
                         outright_status status) {
  if (status != c.expected) {
    return std::string("expected status ") + StatusName(c.expected) + ", got " + StatusName(status);
  }
  const std::string message = device.LastError();
  if (message.empty()) return "refused without a message";
  if (message.find('\n') != std::string::npos) return "the message has more than one line: " + message;
  if (message.find(c.mention) == std::string::npos) {
    return "the message should name " + c.mention + ", it is: " + message;
  }
  return execution.CheckUntouched();
}

bool IsCompared(const Argument& argument) { return !argument.absent && argument.role != Role::kInput; }

// Every output of a finished call against the oracle. The worst share of its tolerance goes to `used`.
std::string CompareOutputs(const Case& c, const Execution& execution, Values& expected, double* used) {
  for (const Argument& argument : c.arguments) {
    if (!IsCompared(argument)) continue;
    const Comparison comparison =
        Compare(expected.Find(argument.name).values, execution.Read(argument.name), argument.tolerance);
    if (!comparison.failure.empty()) return argument.name + ": " + comparison.failure;
    *used = std::max({*used, comparison.normalised / argument.tolerance.normalised,
                      comparison.worst / argument.tolerance.worst});
  }
  return "";
}

// A tensor that is one element short or of another dtype is refused before anything is written.
std::string CheckArguments(Device& device, const Case& c) {
  for (const Argument& argument : c.arguments) {
    if (argument.absent || argument.host) continue;
    const auto refuses = [&](const std::string& what, const std::function<void(outright_tensor&)>& spoil) {
      Execution execution(device, c);
      const outright_status status =
          execution.Run([&](Call& call) { spoil(call.tensors.at(argument.name)); });
      if (status == OUTRIGHT_OK) return argument.name + " " + what + " was taken";
      if (device.LastError().empty()) return argument.name + " " + what + " was refused without a message";
      const std::string touched = execution.CheckUntouched();
      return touched.empty() ? execution.CheckMemory() : touched;
    };
    std::string wrong = refuses("one element short", [](outright_tensor& tensor) { --tensor.count; });
    if (!wrong.empty()) return wrong;
    wrong = refuses("of the wrong dtype", [](outright_tensor& tensor) {
      tensor.dtype = tensor.dtype == OUTRIGHT_INT32 ? OUTRIGHT_FLOAT32 : OUTRIGHT_INT32;
    });
    if (!wrong.empty()) return wrong;
  }
  return "";
}

}  // namespace

void Tally::Record(const std::string& op, const std::string& name, const std::string& failure, bool verbose) {
  if (failure.empty()) {
    ++passed;
    if (verbose) std::printf("ok   %s/%s\n", op.c_str(), name.c_str());
    return;
  }
  ++failed;
  std::printf("FAIL %s/%s (seed %016llx): %s\n", op.c_str(), name.c_str(),
              static_cast<unsigned long long>(Hash(op + "/" + name)), failure.c_str());
}

bool Selected(const Options& options, const std::string& op, const std::string& name) {
  return (op + "/" + name).find(options.filter) != std::string::npos;
}

void RunTest(const Suite& suite, Device& device, const Options& options, Tally& tally) {
  std::set<std::string> operations;
  for (const Entry& entry : suite.cases) {
    if (!Selected(options, entry.op, entry.name)) continue;
    if (operations.insert(entry.op).second) {
      tally.Record(entry.op, "argument checks", Guarded([&]() -> std::string {
                     const Case c = entry.build();
                     return c.argument_checks ? CheckArguments(device, c) : "";
                   }),
                   options.verbose);
    }
    double used = 0.0;
    const std::string failure = Guarded([&]() -> std::string {
      const Case c = entry.build();
      Execution execution(device, c);
      const outright_status status = execution.Run();
      const std::string memory = execution.CheckMemory();
      if (!memory.empty()) return memory;
      if (c.expected != OUTRIGHT_OK) return CheckRefused(device, c, execution, status);
      if (status != OUTRIGHT_OK) return Refusal(device, status);
      Values expected(c.arguments);
      c.oracle(expected);
      return CompareOutputs(c, execution, expected, &used);
    });
    tally.Record(entry.op, entry.name, failure, false);
    if (options.verbose && failure.empty()) {
      std::printf("ok   %s/%s, at %.0f%% of its tolerance\n", entry.op.c_str(), entry.name.c_str(),
                  100.0 * used);
    }
  }
  for (const Check& check : suite.checks) {
    if (!Selected(options, check.op, check.name)) continue;
    tally.Record(check.op, check.name, Guarded([&] { return check.run(device); }), options.verbose);
  }
}

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

std::string CheckSlope(const std::string& whose, const std::string& what, double difference, double slope,
                       double size, double tolerance) {
  const double error = std::fabs(slope - difference);
  if (error <= tolerance * (size + std::fabs(difference))) return "";
  char text[200];
  std::snprintf(text, sizeof text, " %.9g, finite difference %.9g, error %.3g of its size (allowed %.3g)",
                slope, difference, error / (size + std::fabs(difference)), tolerance);
  return whose + " gradient by " + what + text;
}

// Saved activations are float32, hence no tighter.
constexpr double kOracleTolerance = 2e-6;
constexpr double kBackendTolerance = 5e-5;

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
        CheckSlope("the oracle's", what, difference, oracle_slope, expected_size, kOracleTolerance);
    if (failure.empty()) {
      failure =
          CheckSlope("the backend's", what, difference, backend_slope, expected_size, kBackendTolerance);
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

namespace {

std::string SameOutputs(const Case& c, const Execution& first, const Execution& second) {
  for (const Argument& argument : c.arguments) {
    if (argument.absent || argument.role == Role::kInput) continue;
    if (first.Bytes(argument.name) != second.Bytes(argument.name)) return argument.name + " has other bits";
  }
  return "";
}

// Each case three times on each device.
std::string SameOnAll(const Case& c, const std::vector<std::unique_ptr<Device>>& devices) {
  Execution first(*devices[0], c);
  const outright_status status = first.Run();
  if (status != OUTRIGHT_OK) return Refusal(*devices[0], status);
  for (size_t d = 0; d < devices.size(); ++d) {
    Execution again(*devices[d], c);
    for (int run = 0; run < 2; ++run) {
      again.Reset();
      if (again.Run() != OUTRIGHT_OK) return Refusal(*devices[d], OUTRIGHT_INTERNAL);
      const std::string wrong = SameOutputs(c, first, again);
      if (!wrong.empty())
        return wrong + " with " + std::to_string(d + 1) + " threads, run " + std::to_string(run + 1);
    }
  }
  return "";
}

// Selections of rows: each alone at first, then others around them, at other places, in other numbers.
std::vector<std::vector<int64_t>> Selections(int64_t rows) {
  std::vector<std::vector<int64_t>> selections;
  for (const int64_t row : {int64_t{0}, rows / 2, rows - 1}) selections.push_back({row});
  std::vector<int64_t> reversed;
  std::vector<int64_t> odd;
  std::vector<int64_t> shifted;
  for (int64_t i = 0; i < rows; ++i) {
    reversed.push_back(rows - 1 - i);
    if (i % 2 == 1) odd.push_back(i);
    shifted.push_back((i + 5) % rows);
  }
  std::vector<int64_t> longer = shifted;
  longer.insert(longer.end(), reversed.begin(), reversed.end());
  selections.push_back(std::move(reversed));
  selections.push_back(std::move(odd));
  selections.push_back(std::move(shifted));
  selections.push_back(std::move(longer));
  return selections;
}

std::string CheckRows(const RowFamily& family, Device& device) {
  std::vector<int64_t> all;
  for (int64_t i = 0; i < family.rows; ++i) all.push_back(i);
  const Case whole = family.make(all);
  Execution reference(device, whole);
  outright_status status = reference.Run();
  if (status != OUTRIGHT_OK) return Refusal(device, status);
  for (const std::vector<int64_t>& selection : Selections(family.rows)) {
    if (selection.empty()) continue;
    const Case part = family.make(selection);
    Execution execution(device, part);
    status = execution.Run();
    if (status != OUTRIGHT_OK) return Refusal(device, status);
    for (const std::string& output : family.outputs) {
      const std::vector<unsigned char> expected = reference.Bytes(output);
      const std::vector<unsigned char> got = execution.Bytes(output);
      const size_t width = expected.size() / static_cast<size_t>(family.rows);
      for (size_t i = 0; i < selection.size(); ++i) {
        const auto at =
            expected.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(selection[i]) * width);
        const auto got_at = got.begin() + static_cast<std::ptrdiff_t>(i * width);
        if (!std::equal(at, at + static_cast<std::ptrdiff_t>(width), got_at)) {
          return output + ": row " + std::to_string(selection[i]) + " has other bits at place " +
                 std::to_string(i) + " of " + std::to_string(selection.size()) + " than among all " +
                 std::to_string(family.rows);
        }
      }
    }
  }
  return "";
}

}  // namespace

void RunInvariance(const Suite& suite, const outright_backend& api, const Options& options, Tally& tally) {
  std::vector<std::unique_ptr<Device>> devices;
  for (const int threads : {1, 2, 3})
    devices.push_back(std::make_unique<Device>(api, threads, options.matmul));
  for (const Entry& entry : suite.cases) {
    if (!Selected(options, entry.op, entry.name)) continue;
    const Case c = entry.build();
    if (c.expected != OUTRIGHT_OK) continue;
    tally.Record(entry.op, "same bits of " + entry.name, Guarded([&] { return SameOnAll(c, devices); }),
                 options.verbose);
  }
  for (const RowFamily& family : suite.families) {
    if (!Selected(options, family.op, family.name)) continue;
    for (const auto& device : {devices[0].get(), devices[2].get()}) {
      tally.Record(family.op, "rows of " + family.name, Guarded([&] { return CheckRows(family, *device); }),
                   options.verbose);
    }
  }
  for (const Check& check : suite.invariants) {
    if (!Selected(options, check.op, check.name)) continue;
    tally.Record(check.op, check.name, Guarded([&] { return check.run(*devices[1]); }), options.verbose);
  }
}

namespace {

bool Notices(const std::vector<double>& expected, const std::vector<double>& got,
             const Tolerance& tolerance) {
  return !Compare(expected, got, tolerance).failure.empty();
}

// Damage to one output that the comparison lets through, in words.
std::string Unnoticed(const std::vector<double>& expected, const std::vector<double>& got,
                      const Tolerance& tolerance) {
  size_t largest = got.size();
  double squares = 0.0;
  double count = 0.0;
  for (size_t i = 0; i < got.size(); ++i) {
    if (!std::isfinite(got[i])) continue;
    squares += got[i] * got[i];
    count += 1.0;
    if (largest == got.size() || std::fabs(got[i]) > std::fabs(got[largest])) largest = i;
  }
  if (largest == got.size()) return "";  // nothing finite in it
  const double size = std::max(std::sqrt(squares / count), tolerance.floor);

  std::vector<double> damaged = got;
  for (double& value : damaged) value += 1e-3 * (size + std::fabs(value)) + 1e-30;
  if (!Notices(expected, damaged, tolerance)) return "everything moved by 0.1%";
  damaged = got;
  damaged[largest] += 2e-3 * (size + std::fabs(got[largest])) + 1e-30;
  if (!Notices(expected, damaged, tolerance)) return "the largest element moved by 0.2%";
  damaged = got;
  damaged[largest] = std::numeric_limits<double>::quiet_NaN();
  if (!Notices(expected, damaged, tolerance)) return "a NaN";
  damaged = got;
  damaged[largest] = std::numeric_limits<double>::infinity();
  if (!Notices(expected, damaged, tolerance)) return "an infinity";
  return "";
}

}  // namespace

void RunMutate(const Suite& suite, Device& device, const Options& options, Tally& tally) {
  for (const Entry& entry : suite.cases) {
    if (!Selected(options, entry.op, entry.name)) continue;
    const std::string failure = Guarded([&]() -> std::string {
      const Case c = entry.build();
      if (c.expected != OUTRIGHT_OK) return "";
      Execution execution(device, c);
      const outright_status status = execution.Run();
      if (status != OUTRIGHT_OK) return Refusal(device, status);
      Values expected(c.arguments);
      c.oracle(expected);
      for (const Argument& argument : c.arguments) {
        if (argument.absent) continue;
        if (IsCompared(argument)) {
          const std::string missed = Unnoticed(expected.Find(argument.name).values,
                                               execution.Read(argument.name), argument.tolerance);
          if (!missed.empty()) return argument.name + ": not noticed: " + missed;
        }
        for (const bool behind : {false, true}) {
          GuardedBuffer& buffer = execution.Buffer(argument.name);
          buffer.DamageGuard(behind);
          if (buffer.CheckGuards().empty()) return argument.name + ": not noticed: a written guard band";
        }
      }
      return "";
    });
    tally.Record(entry.op, "mutations of " + entry.name, failure, options.verbose);
  }
}

void RunSupport(const Suite& suite, Device& device, const Options& options) {
  std::set<std::string> seen;
  std::printf("backend,op,dtype,supported,reason\n");
  for (const Entry& entry : suite.cases) {
    if (!Selected(options, entry.op, entry.name) || seen.count(entry.op) != 0) continue;
    const Case c = entry.build();
    if (c.expected != OUTRIGHT_OK) continue;
    seen.insert(entry.op);
    for (const int32_t dtype : {OUTRIGHT_FLOAT32, OUTRIGHT_BFLOAT16, OUTRIGHT_FLOAT16, OUTRIGHT_FLOAT64}) {
      const outright_status status = Execution(device, c, dtype).Run();
      std::string reason = status == OUTRIGHT_OK ? "" : device.LastError();
      std::replace(reason.begin(), reason.end(), '"', '\'');
      std::printf("%s,%s,%s,%s,\"%s\"\n", device.api().name, c.op.c_str(), DtypeName(dtype),
                  status == OUTRIGHT_OK ? "yes" : "no", reason.c_str());
    }
  }
}

void RunPerf(const Suite& suite, Device& device, const Options& options) {
  using Clock = std::chrono::steady_clock;
  std::printf("%-26s %-34s %12s %10s %10s %8s\n", "op", "case", "median", "GFLOP/s", "GB/s", "spread");
  for (const Entry& entry : suite.perf) {
    if (!Selected(options, entry.op, entry.name)) continue;
    const Case c = entry.build();
    Execution execution(device, c);
    if (const outright_status status = execution.Run(); status != OUTRIGHT_OK) {
      std::printf("%-26s %-34s %s\n", c.op.c_str(), c.name.c_str(), Refusal(device, status).c_str());
      continue;
    }
    std::vector<double> seconds;
    const Clock::time_point begin = Clock::now();
    while (seconds.size() < 5 ||
           (seconds.size() < 200 && Clock::now() - begin < std::chrono::milliseconds(400))) {
      const Clock::time_point start = Clock::now();
      execution.Run();
      seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    }
    std::sort(seconds.begin(), seconds.end());
    const double median = seconds[seconds.size() / 2];
    const double spread = (seconds[seconds.size() * 3 / 4] - seconds[seconds.size() / 4]) / median;
    std::printf("%-26s %-34s %9.1f us %10.2f %10.2f %7.0f%%\n", c.op.c_str(), c.name.c_str(), 1e6 * median,
                1e-9 * c.work.flops / median, 1e-9 * c.work.bytes / median, 100.0 * spread);
  }
}

}  // namespace outright::test
