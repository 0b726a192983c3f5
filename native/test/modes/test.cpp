#include <algorithm>
#include <cstdio>
#include <functional>
#include <set>
#include <utility>

#include "common.h"

namespace outright::test {

namespace {

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

// Every output of a finished call against the oracle. The worst share of its tolerance goes to `used`.
std::string CompareOutputs(const Case& c, const Execution& execution, Values& expected,
                           const Options& options, double* used) {
  for (const Argument& argument : c.arguments) {
    if (!IsCompared(argument)) continue;
    Tolerance allowed = argument.Allowed();
    if (c.InBfloat16()) allowed.worst *= options.worst;
    const Comparison comparison =
        Compare(expected.Find(argument.name).values, execution.Read(argument.name), allowed);
    if (!comparison.failure.empty()) return argument.name + ": " + comparison.failure;
    *used = std::max({*used, comparison.normalised / allowed.normalised, comparison.worst / allowed.worst});
  }
  return "";
}

// A tensor that is one element short or of another dtype is refused before anything is written: weights and
// activations that do not have one dtype, too.
std::string CheckArguments(Device& device, const Case& c) {
  const auto stored = std::count_if(c.arguments.begin(), c.arguments.end(),
                                    [](const Argument& argument) { return argument.stored; });
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
    if (!argument.stored || stored < 2) continue;
    wrong = refuses("of another storage type than the others", [](outright_tensor& tensor) {
      tensor.dtype = tensor.dtype == OUTRIGHT_BFLOAT16 ? OUTRIGHT_FLOAT32 : OUTRIGHT_BFLOAT16;
    });
    if (!wrong.empty()) return wrong;
  }
  return "";
}

}  // namespace

void RunTest(const Suite& suite, Device& device, const Options& options, Tally& tally) {
  std::set<std::pair<std::string, int32_t>> seen;
  for (const Entry& entry : suite.cases) {
    if (!Selected(options, entry.op, entry.name)) continue;
    if (seen.insert({entry.op, entry.storage}).second) {
      tally.Record(entry.op, std::string("argument checks in ") + DtypeName(entry.storage),
                   Guarded([&]() -> std::string {
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
      return CompareOutputs(c, execution, expected, options, &used);
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

}  // namespace outright::test
