// The operation test: every operation of a backend against scalar float64 oracles.
//
//   op_test MODE[,MODE...] --backend FILE [--threads N] [--filter TEXT] [--quick] [--large] [--verbose]
//   [--worst X]
//
//   test        values, statuses, guard bands, refused arguments, NaN and infinity
//   grad        finite differences of the oracle against the backend's backward
//   invariance  same bits for any number of threads and any place of a row
//   mutate      the test itself: small damage to results must be noticed
//   support     CSV of operation x dtype
//   perf        time, GFLOP/s and GB/s of larger shapes; with --large also of shapes for a GPU
//
// --worst X lets single errors in bfloat16 be X times as large as they may be, the mean error not (modes.h).
// Ends with "N passed, M failed"; exit status 1 when something failed, 2 when it could not begin, 77 with a
// line SKIPPED when this machine lacks what was asked for.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/backend.h"
#include "modes/modes.h"
#include "ops/ops.h"

namespace outright::test {
namespace {

struct Arguments {
  std::vector<std::string> modes;
  std::string backend;
  bool quick = false;
  bool large = false;
  Options options;
};

std::vector<std::string> Split(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == ',') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

Arguments Parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&]() -> std::string {
      if (i + 1 >= argc) throw std::runtime_error(word + " needs a value");
      return argv[++i];
    };
    if (word == "--backend") {
      arguments.backend = value();
    } else if (word == "--threads") {
      arguments.options.threads = std::stoi(value());
    } else if (word == "--filter") {
      arguments.options.filter = value();
    } else if (word == "--worst") {
      arguments.options.worst = std::stod(value());
    } else if (word == "--quick") {
      arguments.quick = true;
    } else if (word == "--large") {
      arguments.large = true;
    } else if (word == "--verbose") {
      arguments.options.verbose = true;
    } else if (word[0] != '-' && arguments.modes.empty()) {
      arguments.modes = Split(word);
    } else {
      throw std::runtime_error("unknown argument " + word);
    }
  }
  if (arguments.modes.empty() || arguments.backend.empty()) {
    throw std::runtime_error(
        "usage: op_test MODE[,MODE...] --backend FILE [--threads N] [--filter TEXT] "
        "[--quick] [--large] [--verbose] [--worst X]; modes: test, grad, invariance, mutate, support, perf");
  }
  return arguments;
}

Suite MakeSuite(bool quick, bool large) {
  Suite suite;
  suite.quick = quick;
  suite.large = large;
  suite.float32_only = {"sft_nll", "sequence_sums", "dpo_sigmoid", "global_norm"};
  AddMemory(suite);
  AddLinear(suite);
  AddEmbedding(suite);
  AddNorm(suite);
  AddRotary(suite);
  AddAttention(suite);
  AddAttentionCached(suite);
  AddActivation(suite);
  AddRows(suite);
  AddHead(suite);
  AddLosses(suite);
  AddOptimizer(suite);
  AddCast(suite);
  AddDropout(suite);
  AddMaster(suite);
  AddStochasticRounding(suite);
  return suite;
}

int Main(int argc, char** argv) {
  const Arguments arguments = Parse(argc, argv);
  const Options& options = arguments.options;
  const Library library(arguments.backend);
  if (library.api().score() <= 0) {
    throw Unsupported(std::string(library.api().name) + " cannot run here: " + library.api().reason());
  }
  const Suite suite = MakeSuite(arguments.quick, arguments.large);
  Device device(library.api(), options.threads);
  outright_device_info info{};
  library.api().info(device.get(), &info);
  std::fprintf(stderr, "%s, %d threads, matmul %s, %s\n", library.api().name, info.threads, info.matmul,
               info.hardware);

  Tally tally;
  bool judged = false;
  for (const std::string& mode : arguments.modes) {
    const auto begin = std::chrono::steady_clock::now();
    const Tally before = tally;
    if (mode == "test") {
      RunTest(suite, device, options, tally);
    } else if (mode == "grad") {
      RunGrad(suite, device, options, tally);
    } else if (mode == "invariance") {
      RunInvariance(suite, library.api(), options, tally);
    } else if (mode == "mutate") {
      RunMutate(suite, device, options, tally);
    } else if (mode == "support") {
      RunSupport(suite, device, options);
      continue;
    } else if (mode == "perf") {
      RunPerf(suite, device, options);
      continue;
    } else {
      throw std::runtime_error("unknown mode " + mode);
    }
    judged = true;
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    std::printf("%-10s %d passed, %d failed in %.1f s\n", mode.c_str(), tally.passed - before.passed,
                tally.failed - before.failed, seconds.count());
  }
  if (!judged) return 0;
  std::printf("%d passed, %d failed\n", tally.passed, tally.failed);
  return tally.failed == 0 && tally.passed > 0 ? 0 : 1;
}

}  // namespace
}  // namespace outright::test

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // what passed before a crash must be seen
  try {
    return outright::test::Main(argc, argv);
  } catch (const outright::test::Unsupported& error) {
    std::printf("SKIPPED %s\n", error.what());
    return 77;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "op_test: %s\n", error.what());
    return 2;
  }
}
