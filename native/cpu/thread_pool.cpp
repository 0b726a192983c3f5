#include "thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>
#include <string>

namespace outright::cpu {

namespace {

// Below this many operations waking another thread costs more than it brings (some 10 microseconds).
constexpr double kWorthSharing = 200e3;

// Looks before a waiting thread goes to sleep; some 20 microseconds in all.
constexpr int kLooks = 10000;

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

template <typename Ready>
void look(const Ready& ready) {
  for (int i = 0; i < kLooks && !ready(); ++i) pause();
}

std::string first_line(const char* path) {
  std::string line;
  if (std::FILE* file = std::fopen(path, "re")) {
    char buffer[256];
    if (std::fgets(buffer, sizeof buffer, file)) line = buffer;
    std::fclose(file);
  }
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.pop_back();
  return line;
}

// CPU time per wall time that the control group grants; infinite without a limit.
double cgroup_cpus() {
  double quota = 0, period = 0;
  if (std::sscanf(first_line("/sys/fs/cgroup/cpu.max").c_str(), "%lf %lf", &quota, &period) == 2 &&
      period > 0)
    return quota / period;
  if (std::sscanf(first_line("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").c_str(), "%lf", &quota) == 1 &&
      quota > 0 &&
      std::sscanf(first_line("/sys/fs/cgroup/cpu/cpu.cfs_period_us").c_str(), "%lf", &period) == 1 &&
      period > 0)
    return quota / period;
  return INFINITY;
}

}  // namespace

int usable_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  std::set<std::string> cores;  // hardware threads of one core list the same siblings
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    const std::string number = std::to_string(cpu);
    const std::string siblings =
        first_line(("/sys/devices/system/cpu/cpu" + number + "/topology/thread_siblings_list").c_str());
    cores.insert(siblings.empty() ? number : siblings);
  }
  const double limit = std::ceil(cgroup_cpus());
  return static_cast<int>(std::max(1.0, std::min(limit, static_cast<double>(cores.size()))));
}

ThreadPool::ThreadPool(int threads) : threads_(threads) {
  workers_.reserve(static_cast<size_t>(threads - 1));
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { worker(i); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  announced_.fetch_add(1, std::memory_order_release);
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::take_tiles(Erased body, const void* context, int64_t tiles, int thread) {
  for (;;) {
    const int64_t tile = next_tile_.fetch_add(1, std::memory_order_relaxed);
    if (tile >= tiles) return;
    body(context, tile, thread);
  }
}

void ThreadPool::run_erased(int64_t tiles, double work, Erased body, const void* context) {
  if (threads_ == 1 || tiles <= 1 || work < kWorthSharing) {
    for (int64_t tile = 0; tile < tiles; ++tile) body(context, tile, 0);
    return;
  }
  {
    std::lock_guard lock(mutex_);
    next_tile_.store(0, std::memory_order_relaxed);
    body_ = body;
    context_ = context;
    tiles_ = tiles;
    ++job_;
  }
  announced_.store(job_, std::memory_order_release);  // after the mutex is free, so that nobody meets it held
  const int64_t helpers = std::min<int64_t>(tiles - 1, threads_ - 1);
  for (int64_t i = 0; i < helpers; ++i) wake_.notify_one();
  take_tiles(body, context, tiles, 0);
  {
    std::lock_guard lock(mutex_);
    body_ = nullptr;  // the job is closed: late workers go back to sleep
  }
  const auto done = [this] { return active_.load(std::memory_order_acquire) == 0; };
  look(done);
  if (done()) return;
  std::unique_lock lock(mutex_);
  done_.wait(lock, done);
}

void ThreadPool::worker(int thread) {
  uint64_t last_job = 0;
  for (;;) {
    look([&] { return announced_.load(std::memory_order_acquire) != last_job; });
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] { return stopping_ || (body_ && job_ != last_job); });
    if (stopping_) return;
    last_job = job_;
    const Erased body = body_;
    const void* context = context_;
    const int64_t tiles = tiles_;
    ++active_;
    lock.unlock();
    take_tiles(body, context, tiles, thread);
    lock.lock();
    if (--active_ == 0) done_.notify_one();
    lock.unlock();
  }
}

}  // namespace outright::cpu
