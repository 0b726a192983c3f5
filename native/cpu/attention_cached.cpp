// Attention of new tokens over a cache of keys and values: the same code as for a flat row, so the same bits.
#include <vector>

#include "attention_forward.h"
#include "operations.h"
#include "shared/check.h"
#include "shared/spans.h"

namespace outright::cpu {

namespace {

template <typename X>
void keep(const Heads& heads, const X* from, const std::vector<CachedRun>& runs, int64_t C, X* cache) {
  for (int64_t g = 0; g < heads.count; ++g) {
    const Head<const X> head = heads.head(from, g);
    for (const CachedRun& run : runs)
      for (int64_t n = run.begin; n < run.end; ++n)
        std::copy_n(head.row(n), C, cache + ((run.last + n - run.begin) * heads.count + g) * C);
  }
}

// Sequence by sequence and head by head; the last queries of a sequence, which see the most keys, come first.
std::vector<Task> tasks_of(const std::vector<CachedRun>& runs, int64_t H) {
  std::vector<Task> tasks;
  for (const CachedRun& run : runs) {
    for (int64_t h = 0; h < H; ++h) {
      for (int64_t part = ceil_div(run.size(), kBlocks * kQueries); part-- > 0;) {
        const int64_t ahead = part * kBlocks * kQueries;
        tasks.push_back({{run.first, run.first},
                         run.first,
                         run.last - run.first + ahead,
                         run.begin + ahead,
                         std::min(kBlocks * kQueries, run.size() - ahead),
                         h});
      }
    }
  }
  return tasks;
}

// A query alone takes as long as some together: what it sees is read for it.
constexpr int64_t kLeastQueries = 8;

double work_of(const std::vector<CachedRun>& runs, const AttentionShape& shape) {
  double keys = 0.0;
  for (const CachedRun& run : runs)
    keys += static_cast<double>(std::max(run.size(), kLeastQueries)) *
            static_cast<double>(run.last - run.first + run.size());
  return keys * static_cast<double>(shape.H * shape.C);
}

}  // namespace

void attention_cached(Device& device, const outright_tensor* q, const outright_tensor* k,
                      const outright_tensor* v, const outright_head_layout* layout,
                      const outright_tensor* k_cache, const outright_tensor* v_cache,
                      const outright_tensor* o, const outright_tensor* first, const outright_tensor* last,
                      int64_t N, int64_t S, int64_t H, int64_t G, int64_t C, double scale) {
  with_storage(q, [&](auto storage) {
    using X = decltype(storage);
    Check check("attention_cached");
    check.sizes({{"S", S}});
    const AttentionShape shape = attention_shape(check, layout, N, H, G, C, scale);
    const X* Q = check.strided_input<X>(q, "q", shape.q.extent(check, N, C));
    const X* K = check.strided_input<X>(k, "k", shape.k.extent(check, N, C));
    const X* V = check.strided_input<X>(v, "v", shape.v.extent(check, N, C));
    X* K_CACHE = check.output<X>(k_cache, "k_cache", {S, G, C});
    X* V_CACHE = check.output<X>(v_cache, "v_cache", {S, G, C});
    X* O = check.output<X>(o, "o", {N, H, C});
    const std::vector<CachedRun> runs = cached_runs_of(check, first, last, N, S);
    check.separate();
    if (N == 0 || H == 0) return;
    keep(shape.k, K, runs, C, K_CACHE);
    keep(shape.v, V, runs, C, V_CACHE);

    AttentionShape cached = shape;
    cached.k = {"k_cache", G, 0, G * C, C};
    cached.v = {"v_cache", G, 0, G * C, C};
    const Forward<X> forward{cached, Q, K_CACHE, V_CACHE, O, nullptr};
    const std::vector<Task> tasks = tasks_of(runs, H);
    device.reserve_threads(forward.scratch(nullptr).floats);
    device.pool.run(static_cast<int64_t>(tasks.size()), work_of(runs, shape), [&](int64_t i, int thread) {
      forward.visit(tasks[static_cast<size_t>(i)], device.thread_scratch(thread));
    });
  });
}

}  // namespace outright::cpu
