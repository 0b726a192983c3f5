#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

#include "common.h"

namespace outright::test {

namespace {

using Clock = std::chrono::steady_clock;

// Bytes read and written per second by as many threads that copy large stretches of host memory: what an
// operation bound by memory can reach. The median of several.
double CopyBandwidth(int threads) {
  constexpr size_t kBytes = size_t{64} << 20;
  const std::vector<char> source(kBytes, 1);
  std::vector<char> target(kBytes);
  std::vector<double> rates;
  for (int run = 0; run < 9; ++run) {
    const Clock::time_point start = Clock::now();
    std::vector<std::thread> copying;
    const size_t share = kBytes / static_cast<size_t>(threads);
    for (size_t t = 0; t < static_cast<size_t>(threads); ++t)
      copying.emplace_back(
          [&, t] { std::memcpy(target.data() + t * share, source.data() + t * share, share); });
    for (std::thread& thread : copying) thread.join();
    rates.push_back(2.0 * static_cast<double>(share * static_cast<size_t>(threads)) /
                    std::chrono::duration<double>(Clock::now() - start).count());
  }
  std::sort(rates.begin(), rates.end());
  return rates[rates.size() / 2];
}

}  // namespace

void RunPerf(const Suite& suite, Device& device, const Options& options) {
  outright_device_info info{};
  device.api().info(device.get(), &info);
  const double copy = device.OnHost() ? CopyBandwidth(info.threads) : 0.0;
  if (copy > 0.0) std::printf("a copy of 64 MB by %d threads: %.1f GB/s\n", info.threads, 1e-9 * copy);
  std::printf("%-26s %-42s %12s %10s %10s %8s %8s\n", "op", "case", "median", "GFLOP/s", "GB/s", "of copy",
              "spread");
  // A backend with a queue returns before the work is done: several calls, then one that waits for them.
  const GuardedBuffer fence(device, OUTRIGHT_INT32, 1, 0, false);
  const int calls = device.OnHost() ? 1 : 10;
  for (const Entry& entry : suite.perf) {
    if (!Selected(options, entry.op, entry.name)) continue;
    const Case c = entry.build();
    Execution execution(device, c);
    if (const outright_status status = execution.Run(); status != OUTRIGHT_OK) {
      std::printf("%-26s %-42s %s\n", c.op.c_str(), c.name.c_str(), Refusal(device, status).c_str());
      continue;
    }
    fence.Download();
    std::vector<double> seconds;
    const Clock::time_point begin = Clock::now();
    while (seconds.size() < 5 ||
           (seconds.size() < 200 && Clock::now() - begin < std::chrono::milliseconds(400))) {
      const Clock::time_point start = Clock::now();
      for (int call = 0; call < calls; ++call) execution.Run();
      if (!device.OnHost()) fence.Download();
      seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count() / calls);
    }
    std::sort(seconds.begin(), seconds.end());
    const double median = seconds[seconds.size() / 2];
    const double spread = (seconds[seconds.size() * 3 / 4] - seconds[seconds.size() / 4]) / median;
    const double share = copy > 0.0 ? 100.0 * c.work.bytes / median / copy : 0.0;
    std::printf("%-26s %-42s %9.1f us %10.2f %10.2f %7.0f%% %7.0f%%\n", c.op.c_str(), c.name.c_str(),
                1e6 * median, 1e-9 * c.work.flops / median, 1e-9 * c.work.bytes / median, share,
                100.0 * spread);
  }
}

}  // namespace outright::test
