// Causal attention over a flat row with the start/skip rule and grouped query heads, forward.
#include "attention_forward.h"

#include <vector>

#include "operations.h"
#include "shared/check.h"
#include "shared/spans.h"

namespace outright::cpu {

namespace {

// Document by document and head by head, so that a head's keys stay in the cache; the last queries of a
// document, which see the most keys, come first.
std::vector<Task> tasks_of(const std::vector<Run>& runs, int64_t H) {
  std::vector<Task> tasks;
  for (const Document& document : documents_of(runs)) {
    for (int64_t h = 0; h < H; ++h) {
      for (size_t r = document.last_run; r-- > document.first_run;) {
        const Run& run = runs[r];
        for (int64_t part = ceil_div(run.end - run.begin, kBlocks * kQueries); part-- > 0;) {
          const int64_t first = run.begin + part * kBlocks * kQueries;
          tasks.push_back({run.before, run.after, run.before.size() + first - run.after, first,
                           std::min(kBlocks * kQueries, run.end - first), h});
        }
      }
    }
  }
  return tasks;
}

}  // namespace

void attention(Device& device, const outright_tensor* q, const outright_tensor* k, const outright_tensor* v,
               const outright_head_layout* layout, const outright_tensor* o, const outright_tensor* lse,
               const outright_tensor* start, const outright_tensor* skip_from, const outright_tensor* skip_to,
               int64_t T, int64_t H, int64_t G, int64_t C, double scale) {
  with_storage(q, [&](auto storage) {
    using X = decltype(storage);
    Check check("attention");
    const AttentionShape shape = attention_shape(check, layout, T, H, G, C, scale);
    const X* Q = check.strided_input<X>(q, "q", shape.q.extent(check, T, C));
    const X* K = check.strided_input<X>(k, "k", shape.k.extent(check, T, C));
    const X* V = check.strided_input<X>(v, "v", shape.v.extent(check, T, C));
    X* O = check.output<X>(o, "o", {T, H, C});
    float* LSE = check.output(lse, "lse", {T, H});
    const std::vector<Run> runs = runs_of(check, start, skip_from, skip_to, T);
    check.separate();
    if (T == 0 || H == 0) return;

    const Forward<X> forward{shape, Q, K, V, O, LSE};
    const std::vector<Task> tasks = tasks_of(runs, H);
    device.reserve_threads(forward.scratch(nullptr).floats);
    const auto count = static_cast<int64_t>(tasks.size());
    device.pool.run(count, attention_work(shape, runs), [&](int64_t i, int thread) {
      const int64_t next = i + device.pool.threads();  // likely this thread's next one
      if (next < count) forward.prefetch(tasks[static_cast<size_t>(next)]);
      forward.visit(tasks[static_cast<size_t>(i)], device.thread_scratch(thread));
    });
  });
}

}  // namespace outright::cpu
