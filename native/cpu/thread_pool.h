// A pool of threads that share the tiles of one operation.
//
// Tiles are handed out one at a time, so a thread that a busy neighbour slows down takes fewer of them. Who
// waits looks for some microseconds whether its turn has come, since operations follow one another faster
// than a thread can be woken, and then sleeps on a condition variable. A worker that wakes up after the last
// tile is gone is not waited for. Which thread computes a tile is left to chance; operations are written so
// that this never shows in a result.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace outright::cpu {

class ThreadPool {
 public:
  // `threads` counts the calling thread; it must be at least 1.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  // Calls body(tile, thread) for every tile in [0, tiles), 0 <= thread < threads(), and returns when all are
  // done. `work` is a rough count of arithmetic operations: small jobs stay on the calling thread. body must
  // not throw.
  template <typename Body>
  void run(int64_t tiles, double work, const Body& body) {
    run_erased(
        tiles, work,
        [](const void* context, int64_t tile, int thread) {
          (*static_cast<const Body*>(context))(tile, thread);
        },
        &body);
  }

 private:
  using Erased = void (*)(const void* context, int64_t tile, int thread);
  void run_erased(int64_t tiles, double work, Erased body, const void* context);
  void take_tiles(Erased body, const void* context, int64_t tiles, int thread);
  void worker(int thread);

  const int threads_;
  std::vector<std::thread> workers_;
  std::atomic<int64_t> next_tile_{0};
  // For those who look without the mutex: the last job opened, and the workers inside one.
  std::atomic<uint64_t> announced_{0};
  std::atomic<int> active_{0};  // changes under the mutex only

  std::mutex mutex_;  // guards everything below
  std::condition_variable wake_;
  std::condition_variable done_;
  Erased body_ = nullptr;  // nullptr: no job is open
  const void* context_ = nullptr;
  int64_t tiles_ = 0;
  uint64_t job_ = 0;
  bool stopping_ = false;
};

// Physical cores that this process may use: CPU affinity and the container's CPU limit respected. At least 1.
int usable_cores();

}  // namespace outright::cpu
