#include <algorithm>
#include <cmath>
#include <limits>

#include "common.h"

namespace outright::test {

namespace {

bool Notices(const std::vector<double>& expected, const std::vector<double>& got,
             const Tolerance& tolerance) {
  return !Compare(expected, got, tolerance).failure.empty();
}

// Damage to one output that the comparison lets through, in words: a thousandth in float32, a hundredth in
// bfloat16, whose own rounding is up to a five-hundredth.
std::string Unnoticed(const std::vector<double>& expected, const std::vector<double>& got,
                      const Tolerance& tolerance) {
  const double small = tolerance.worst > kBfloat16Rounding ? 1e-2 : 1e-3;
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
  for (double& value : damaged) value += small * (size + std::fabs(value)) + 1e-30;
  if (!Notices(expected, damaged, tolerance)) return "everything moved a little";
  damaged = got;
  damaged[largest] += 2.0 * small * (size + std::fabs(got[largest])) + 1e-30;
  if (!Notices(expected, damaged, tolerance)) return "the largest element moved a little";
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
                                               execution.Read(argument.name), argument.Allowed());
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

}  // namespace outright::test
