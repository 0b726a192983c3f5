// Causal attention over a flat row with the start/skip rule and grouped query heads, backward.
//
// Every score is visited once (Dao et al., 2022, with lse in place of the row maximum and sum). A task takes
// a stretch of a document's keys and all queries that see them: it finishes dk and dv of its keys, and what
// it adds to dq is kept apart where a document has several stretches and summed in their order afterwards. So
// nothing is shared between threads and every sum has one order.
#include <vector>

#include "attention_tiles.h"
#include "operations.h"
#include "shared/check.h"
#include "shared/spans.h"

namespace outright::cpu {

namespace {

constexpr int64_t kStretch = 512;  // keys of one task: they and their gradients fit the second cache
// Heads are worked on together as long as what they add to dq stays within this many floats.
constexpr int64_t kPartialFloats = int64_t{8} << 20;

// A stretch of a document's keys.
struct Stretch {
  const Document* document;
  Range keys;
  int64_t partial;  // row of its part of dq in the buffer of partial sums; -1: the only stretch, none needed
  double cost;
};

struct Stretches {
  std::vector<Stretch> list;  // the most costly first
  int64_t partial_rows = 0;
};

Stretches stretches_of(const std::vector<Document>& documents) {
  Stretches stretches;
  for (const Document& document : documents) {
    const bool alone = document.end - document.begin <= kStretch;
    for (int64_t begin = document.begin; begin < document.end; begin += kStretch) {
      const Range keys{begin, std::min(document.end, begin + kStretch)};
      const auto size = static_cast<double>(keys.size());
      const double cost = size * (static_cast<double>(document.end - begin) - 0.5 * size);
      stretches.list.push_back({&document, keys, alone ? -1 : stretches.partial_rows, cost});
      if (!alone) stretches.partial_rows += document.end - begin;
    }
  }
  std::stable_sort(stretches.list.begin(), stretches.list.end(),
                   [](const Stretch& a, const Stretch& b) { return a.cost > b.cost; });
  return stretches;
}

template <typename X>
struct Backward {
  const AttentionShape& shape;
  const std::vector<Run>& runs;
  const X *DO, *Q, *K, *V, *O;
  const float* LSE;
  X *DQ, *DK, *DV;
  bool accumulate;
  int64_t partial_rows;
  float* partial;  // [query heads][partial_rows][width]
  int64_t first_head;

  int64_t C() const { return shape.C; }
  int64_t words() const { return words_of<X>(shape.C); }
  int64_t width() const { return aligned(shape.C); }
  int64_t word_width() const { return aligned(words()); }

  struct Scratch {
    float *k_words, *v_words;              // [stretch][word width]
    float *k, *dk, *dv;                    // [stretch][width]
    float *q_words, *do_words, *qT, *doT;  // [64][word width] and transposed
    float *q, *dout;                       // [64][width]
    float* dqT;                            // [width][64]
    float *s, *dp;                         // [64][64]
    float *lse, *delta;                    // [64]
    int64_t floats;
  };
  // Where words are float32, they serve as rows too.
  Scratch scratch(float* memory) const {
    constexpr bool kApart = kPaired<X>;
    constexpr int64_t kRows = kStretch + kKeyRows;
    float* at = memory;
    const auto take = [&](int64_t floats) { return std::exchange(at, at + floats); };
    Scratch s{};
    s.k_words = take(kRows * word_width());
    s.v_words = take(kRows * word_width());
    s.k = kApart ? take(kStretch * width()) : s.k_words;
    s.dk = take(kStretch * width());
    s.dv = take(kStretch * width());
    s.q_words = take(kQueries * word_width());
    s.do_words = take(kQueries * word_width());
    s.qT = take(kQueries * word_width());
    s.doT = take(kQueries * word_width());
    s.q = kApart ? take(kQueries * width()) : s.q_words;
    s.dout = kApart ? take(kQueries * width()) : s.do_words;
    s.dqT = take(kQueries * width());
    s.s = take(kKeys * kQueries);
    s.dp = take(kKeys * kQueries);
    s.lse = take(kQueries);
    s.delta = take(kQueries);
    s.floats = at - memory;
    return s;
  }

  void visit(const Stretch& stretch, int64_t g, float* memory) const {
    const Scratch s = scratch(memory);
    const Range& keys = stretch.keys;
    load_keys(keys, g, s);
    std::fill_n(s.dk, keys.size() * width(), 0.0f);
    std::fill_n(s.dv, keys.size() * width(), 0.0f);
    for (int64_t h = g * shape.group(); h < (g + 1) * shape.group(); ++h) {
      for (size_t r = stretch.document->first_run; r < stretch.document->last_run; ++r) {
        const Run& run = runs[r];
        // Blocks are counted from the run's start; those before the first key see none of them.
        const int64_t skipped = std::max<int64_t>(0, keys.begin - run.begin) / kQueries * kQueries;
        for (int64_t t = run.begin + skipped; t < run.end; t += kQueries)
          visit_queries(stretch, run, {t, std::min(run.end, t + kQueries)}, h, s);
      }
    }
    const Head<X> dk = shape.k.head(DK, g), dv = shape.v.head(DV, g);
    for (int64_t j = 0; j < keys.size(); ++j) {
      for_vectors(C(), [&](int64_t c, int64_t n) {
        put(dk.row(keys.begin + j) + c, load(s.dk + j * width() + c) * shape.scale, n);
        put(dv.row(keys.begin + j) + c, load(s.dv + j * width() + c), n);
      });
    }
  }

  // Sums what the stretches of one document added to dq of the queries in `tokens`.
  void merge(const Stretch* const* parts, size_t count, const Range& tokens, int64_t h) const {
    const Head<X> dq = shape.q.head(DQ, h);
    size_t r = parts[0]->document->first_run;
    for (int64_t t = tokens.begin; t < tokens.end; ++t) {
      while (runs[r].end <= t) ++r;
      for_vectors(C(), [&](int64_t c, int64_t n) {
        Vec sum = {};
        for (size_t i = 0; i < count; ++i)
          if (sees(runs[r], t, parts[i]->keys)) sum += load(partial_row(*parts[i], t, h) + c);
        put(dq.row(t) + c, sum * shape.scale, n);
      });
    }
  }

 private:
  float* partial_row(const Stretch& stretch, int64_t t, int64_t h) const {
    return partial + ((h - first_head) * partial_rows + stretch.partial + t - stretch.keys.begin) * width();
  }
  static bool sees(const Run& run, int64_t t, const Range& keys) {
    return std::max(keys.begin, run.before.begin) < std::min(keys.end, run.before.end) ||
           std::max(keys.begin, run.after) < std::min(keys.end, t + 1);
  }
  void put(X* to, Vec gradient, int64_t n) const {
    store_n(to, accumulate ? load_n(to, n) + gradient : gradient, n);
  }

  void load_keys(const Range& keys, int64_t g, const Scratch& s) const {
    const Head<const X> k = shape.k.head(K, g), v = shape.v.head(V, g);
    copy_words(k, keys.begin, keys.size(), C(), s.k_words, word_width());
    copy_words(v, keys.begin, keys.size(), C(), s.v_words, word_width());
    std::fill_n(s.k_words + keys.size() * word_width(), kKeyRows * word_width(), 0.0f);
    std::fill_n(s.v_words + keys.size() * word_width(), kKeyRows * word_width(), 0.0f);
    if constexpr (kPaired<X>) copy_rows(k, keys.begin, keys.size(), C(), s.k, width());
  }

  void load_queries(const Range& tokens, int64_t h, const Scratch& s) const {
    const int64_t count = tokens.size();
    const Head<const X> q = shape.q.head(Q, h), dout = shape.out().head(DO, h), o = shape.out().head(O, h);
    copy_words(q, tokens.begin, count, C(), s.q_words, word_width());
    copy_words(dout, tokens.begin, count, C(), s.do_words, word_width());
    transpose_queries(s.q_words, word_width(), count, s.qT);
    transpose_queries(s.do_words, word_width(), count, s.doT);
    if constexpr (kPaired<X>) {
      copy_rows(q, tokens.begin, count, C(), s.q, width());
      copy_rows(dout, tokens.begin, count, C(), s.dout, width());
    }
    for (int64_t i = 0; i < count; ++i) {
      const int64_t t = tokens.begin + i;
      s.lse[i] = LSE[t * shape.H + h];
      s.delta[i] = row_sum(
          C(), [&](int64_t c, int64_t n) { return load_n(dout.row(t) + c, n) * load_n(o.row(t) + c, n); });
    }
    std::fill(s.lse + count, s.lse + kQueries, 0.0f);
    std::fill(s.delta + count, s.delta + kQueries, 0.0f);
  }

  // Up to kQueries queries of one run against all keys of the stretch that they see.
  void visit_queries(const Stretch& stretch, const Run& run, const Range& tokens, int64_t h,
                     const Scratch& s) const {
    const Range& keys = stretch.keys;
    if (!sees(run, tokens.end - 1, keys)) return;
    load_queries(tokens, h, s);
    std::fill_n(s.dqT, width() * kQueries, 0.0f);
    for (int64_t begin = keys.begin; begin < keys.end; begin += kKeys) {
      const int64_t end = std::min(keys.end, begin + kKeys);
      const Range before{std::max(begin, run.before.begin), std::min(end, run.before.end)};
      const Range after{std::max(begin, run.after), std::min(end, tokens.end)};
      if (before.size() > 0)
        visit_tile({before.size(), tokens.size(), before.size()}, before.begin - keys.begin, s);
      if (after.size() > 0)
        visit_tile({after.size(), tokens.size(), tokens.begin - after.begin}, after.begin - keys.begin, s);
    }
    const Head<X> dq = shape.q.head(DQ, h);
    for_transposed(s.dqT, tokens.size(), C(), [&](int64_t i, int64_t c, int64_t n, Vec sum) {
      if (stretch.partial < 0)
        put(dq.row(tokens.begin + i) + c, sum * shape.scale, n);
      else if (tokens.begin + i >= keys.begin)
        store(partial_row(stretch, tokens.begin + i, h) + c, sum);
    });
  }

  void visit_tile(const Tile& tile, int64_t key, const Scratch& s) const {
    score_tile<kPaired<X>>(tile, words(), s.qT, s.k_words + key * word_width(), word_width(), shape.scale,
                           s.s);
    score_tile<kPaired<X>>(tile, words(), s.doT, s.v_words + key * word_width(), word_width(), 1.0f, s.dp);
    for (int64_t j = 0; j < tile.keys; ++j) {
      for (int64_t v = tile.first_vector(j); v < tile.vectors(); ++v) {
        const int64_t at = j * kQueries + v * kLanes;
        const Vec p = softmax_weight(load(s.s + at) - load(s.lse + v * kLanes));
        store(s.s + at, p);
        store(s.dp + at, p * (load(s.dp + at) - load(s.delta + v * kLanes)));
      }
    }
    add_columns(tile, C(), s.dp, s.k + key * width(), width(), s.dqT);
    add_rows(tile, C(), s.s, s.dout, width(), s.dv + key * width());
    add_rows(tile, C(), s.dp, s.q, width(), s.dk + key * width());
  }
};

}  // namespace

void attention_backward(Device& device, const outright_tensor* dout, const outright_tensor* q,
                        const outright_tensor* k, const outright_tensor* v,
                        const outright_head_layout* layout, const outright_tensor* o,
                        const outright_tensor* lse, const outright_tensor* start,
                        const outright_tensor* skip_from, const outright_tensor* skip_to,
                        const outright_tensor* dq, const outright_tensor* dk, const outright_tensor* dv,
                        int64_t T, int64_t H, int64_t G, int64_t C, double scale, int32_t accumulate) {
  with_storage(q, [&](auto storage) {
    using X = decltype(storage);
    Check check("attention_backward");
    const AttentionShape shape = attention_shape(check, layout, T, H, G, C, scale);
    const int64_t q_extent = shape.q.extent(check, T, C);
    const int64_t k_extent = shape.k.extent(check, T, C);
    const int64_t v_extent = shape.v.extent(check, T, C);
    const X* DO = check.input<X>(dout, "dout", {T, H, C});
    const X* Q = check.strided_input<X>(q, "q", q_extent);
    const X* K = check.strided_input<X>(k, "k", k_extent);
    const X* V = check.strided_input<X>(v, "v", v_extent);
    const X* O = check.input<X>(o, "o", {T, H, C});
    const float* LSE = check.input(lse, "lse", {T, H});
    X* DQ = check.strided_output<X>(dq, "dq", q_extent);
    X* DK = check.strided_output<X>(dk, "dk", k_extent);
    X* DV = check.strided_output<X>(dv, "dv", v_extent);
    const std::vector<Run> runs = runs_of(check, start, skip_from, skip_to, T);
    check.separate();
    if (T == 0 || G == 0) return;

    const std::vector<Document> documents = documents_of(runs);
    const Stretches stretches = stretches_of(documents);
    const int64_t group = shape.group();
    Backward<X> backward{
        shape, runs, DO, Q, K, V, O, LSE, DQ, DK, DV, accumulate != 0, stretches.partial_rows, nullptr, 0};
    device.reserve_threads(backward.scratch(nullptr).floats);
    const int64_t per_key_head = group * stretches.partial_rows * backward.width();
    const int64_t step = std::clamp<int64_t>(kPartialFloats / std::max<int64_t>(1, per_key_head), 1, G);
    backward.partial = device.reserve_shared(step * per_key_head);
    const double work = attention_work(shape, runs);

    // Blocks of queries of the documents that have several stretches, with these in order.
    struct Merge {
      Range tokens;
      std::vector<const Stretch*> parts;
    };
    std::vector<Merge> merges;
    for (const Document& document : documents) {
      if (document.end - document.begin <= kStretch) continue;
      std::vector<const Stretch*> parts;
      for (const Stretch& stretch : stretches.list)
        if (stretch.document == &document) parts.push_back(&stretch);
      std::sort(parts.begin(), parts.end(),
                [](const Stretch* a, const Stretch* b) { return a->keys.begin < b->keys.begin; });
      for (int64_t t = document.begin; t < document.end; t += kStretch)
        merges.push_back({{t, std::min(document.end, t + kStretch)}, parts});
    }

    const auto count = static_cast<int64_t>(stretches.list.size());
    const auto merge_count = static_cast<int64_t>(merges.size());
    for (int64_t g0 = 0; g0 < G; g0 += step) {
      const int64_t heads = std::min(step, G - g0);
      backward.first_head = g0 * group;
      device.pool.run(heads * count, 5.0 * work, [&](int64_t task, int thread) {
        backward.visit(stretches.list[static_cast<size_t>(task / heads)], g0 + task % heads,
                       device.thread_scratch(thread));
      });
      device.pool.run(heads * group * merge_count, static_cast<double>(heads * per_key_head),
                      [&](int64_t task, int) {
                        const Merge& merge = merges[static_cast<size_t>(task / (heads * group))];
                        backward.merge(merge.parts.data(), merge.parts.size(), merge.tokens,
                                       backward.first_head + task % (heads * group));
                      });
    }
  });
}

}  // namespace outright::cpu
