// The modes of the operation test. Each prints what fails and counts.
#pragma once

#include <string>

#include "../harness/case.h"

namespace outright::test {

struct Options {
  std::string filter;  // substring of "op/case"
  int threads = 2;
  bool verbose = false;
  // By how much larger a single error in bfloat16 may be than the tolerance says, the mean error staying
  // what it is: for kernels that round factors of both signs, whose sums cancel here and there.
  double worst = 1.0;
};

struct Tally {
  int passed = 0;
  int failed = 0;
  void Record(const std::string& op, const std::string& name, const std::string& failure, bool verbose);
};

bool Selected(const Options& options, const std::string& op, const std::string& name);

// The backend against the float64 oracle: values, statuses, guard bands, unchanged inputs.
void RunTest(const Suite& suite, Device& device, const Options& options, Tally& tally);
// Central differences of the oracle's forward against the backend's backward and the oracle's.
void RunGrad(const Suite& suite, Device& device, const Options& options, Tally& tally);
// Same bits again, with 1, 2 and 3 threads, and for rows at other places among other neighbours.
void RunInvariance(const Suite& suite, const outright_backend& api, const Options& options, Tally& tally);
// Damages correct results a little and demands that the comparison notices.
void RunMutate(const Suite& suite, Device& device, const Options& options, Tally& tally);
// CSV of operation x dtype.
void RunSupport(const Suite& suite, Device& device, const Options& options);
// Time per call with GFLOP/s and GB/s.
void RunPerf(const Suite& suite, Device& device, const Options& options);

}  // namespace outright::test
