#include <algorithm>
#include <chrono>
#include <cstdio>

#include "common.h"

namespace outright::test {

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
