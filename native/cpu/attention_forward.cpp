// Causal attention over a flat row with the start/skip rule and grouped query heads, forward.
//
// Tiles of queries x keys with an online softmax (Milakov & Gimelshein 2018; Dao et al. 2022). The keys that
// a run of tokens sees are lined up without gaps and cut into tiles from the first of them on, so that a
// token's result depends on their sequence alone; keys that are not seen are never visited.
#include <cmath>
#include <vector>

#include "attention_tiles.h"
#include "check.h"
#include "operations.h"
#include "spans.h"

namespace outright::cpu {

namespace {

// Consecutive queries of one run.
struct QueryBlock {
  const Run* run;
  int64_t first, count;
};

std::vector<QueryBlock> query_blocks(const std::vector<Run>& runs) {
  std::vector<QueryBlock> blocks;
  for (const Run& run : runs)
    for (int64_t t = run.begin; t < run.end; t += kQueries)
      blocks.push_back({&run, t, std::min(kQueries, run.end - t)});
  return blocks;
}

template <typename X>
struct Forward {
  const AttentionShape& shape;
  const X *Q, *K, *V;
  X* O;
  float* LSE;

  int64_t C() const { return shape.C; }
  int64_t words() const { return words_of<X>(shape.C); }
  int64_t width() const { return aligned(shape.C); }
  int64_t word_width() const { return aligned(words()); }

  // Where a thread keeps its tile.
  struct Scratch {
    float *rows, *qT, *k, *v, *s, *oT;  // [64][word width] and its transpose; [64][..]; [64][64]; [width][64]
    float *max, *sum;                   // by query
  };
  Scratch scratch(float* at) const {
    const auto take = [&](int64_t floats) { return std::exchange(at, at + floats); };
    Scratch s{};
    s.rows = take(kQueries * word_width());
    s.qT = take(kQueries * word_width());
    s.k = take(kKeys * word_width());
    s.v = take(kKeys * width());
    s.s = take(kKeys * kQueries);
    s.oT = take(kQueries * width());
    s.max = take(kQueries);
    s.sum = take(kQueries);
    return s;
  }
  int64_t scratch_floats() const {
    return 3 * kQueries * word_width() + 2 * kQueries * width() + kKeys * kQueries + 2 * kQueries;
  }

  void visit(const QueryBlock& block, int64_t h, float* memory) const {
    const Scratch s = scratch(memory);
    const Run& run = *block.run;
    const int64_t ahead = run.before.size();                    // keys before the skip
    const int64_t position = ahead + block.first - run.after;   // of the first query among the keys it sees
    const int64_t g = h / shape.group();
    const Head<const X> k_head = shape.k.head(K, g), v_head = shape.v.head(V, g);

    copy_words(shape.q.head(Q, h), block.first, block.count, C(), s.rows, word_width());
    transpose_queries(s.rows, word_width(), block.count, s.qT);
    std::fill_n(s.oT, width() * kQueries, 0.0f);
    std::fill_n(s.max, kQueries, -INFINITY);
    std::fill_n(s.sum, kQueries, 0.0f);

    const int64_t keys = position + block.count;
    for (int64_t first = 0; first < keys; first += kKeys) {
      const Tile tile{std::min(kKeys, keys - first), block.count, position - first};
      // The tile's keys: some before the skip, some after it.
      const int64_t split = std::clamp<int64_t>(ahead - first, 0, tile.keys);
      const int64_t before = run.before.begin + first;
      const int64_t after = run.after + first + split - ahead;
      copy_words(k_head, before, split, C(), s.k, word_width());
      copy_words(k_head, after, tile.keys - split, C(), s.k + split * word_width(), word_width());
      std::fill(s.k + tile.keys * word_width(),
                s.k + (tile.keys + kKeyRows - 1) / kKeyRows * kKeyRows * word_width(), 0.0f);
      copy_rows(v_head, before, split, C(), s.v, width());
      copy_rows(v_head, after, tile.keys - split, C(), s.v + split * width(), width());

      score_tile<kPaired<X>>(tile, words(), s.qT, s.k, word_width(), shape.scale, s.s);
      for (int64_t v = 0; v < tile.vectors(); ++v) softmax(tile, v, s);
      add_columns(tile, C(), s.s, s.v, width(), s.oT);
    }
    finish(block, h, s);
  }

 private:
  // Turns one vector's scores into weights relative to its largest score so far.
  void softmax(const Tile& tile, int64_t v, const Scratch& scratch) const {
    const int64_t all = tile.seen_by_all(v);
    const int64_t any = tile.seen_by_any(v);
    float* s = scratch.s + v * kLanes;
    const Vec before = load(scratch.max + v * kLanes);
    Vec top[2] = {before, before};
    for (int64_t j = 0; j < all; ++j) top[j % 2] = max(load(s + j * kQueries), top[j % 2]);
    for (int64_t j = all; j < any; ++j)
      top[0] = max(select(tile.sees(v, j), load(s + j * kQueries), splat(-INFINITY)), top[0]);
    const Vec now = max(top[0], top[1]);
    // Where there is no number yet, any will do.
    const Vec base = select(now == -INFINITY, Vec{}, now);
    const Vec factor = softmax_weight(before - base);
    Vec sum = load(scratch.sum + v * kLanes) * factor;
    for (int64_t j = 0; j < all; ++j) {
      const Vec weight = softmax_weight(load(s + j * kQueries) - base);
      sum += weight;
      store(s + j * kQueries, weight);
    }
    for (int64_t j = all; j < any; ++j) {
      const Vec weight = softmax_weight(load(s + j * kQueries) - base);
      sum = select(tile.sees(v, j), sum + weight, sum);
      store(s + j * kQueries, weight);
    }
    store(scratch.max + v * kLanes, now);
    store(scratch.sum + v * kLanes, sum);
    if (min_lanes(factor) == 1.0f) return;
    float* o = scratch.oT + v * kLanes;
    for (int64_t c = 0; c < C(); ++c, o += kQueries) store(o, load(o) * factor);
  }

  static float min_lanes(Vec v) { return -max_lanes(-v); }

  void finish(const QueryBlock& block, int64_t h, const Scratch& s) const {
    for (int64_t i = 0; i < block.count; i += kLanes) {
      const Vec top = load(s.max + i);
      // Scores of -infinity only have no softmax.
      const Vec sum = select(top == -INFINITY, splat(NAN), load(s.sum + i));
      store(s.sum + i, sum);
      const Vec inverse = 1.0f / sum;
      for (int64_t c = 0; c < C(); ++c) store(s.oT + c * kQueries + i, load(s.oT + c * kQueries + i) * inverse);
    }
    const Head<X> out = shape.out().head(O, h);
    for_transposed(s.oT, block.count, C(), [&](int64_t i, int64_t c, int64_t n, Vec o) {
      store_n(out.row(block.first + i) + c, o, n);
    });
    for (int64_t i = 0; i < block.count; ++i)
      LSE[(block.first + i) * shape.H + h] =
          static_cast<float>(static_cast<double>(s.max[i]) + std::log(static_cast<double>(s.sum[i])));
  }
};

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
    const std::vector<QueryBlock> blocks = query_blocks(runs);
    const auto count = static_cast<int64_t>(blocks.size());
    device.reserve_threads(forward.scratch_floats());
    // The last queries, which may see the most keys, come first.
    device.pool.run(H * count, attention_work(shape, runs), [&](int64_t task, int thread) {
      const QueryBlock& block = blocks[static_cast<size_t>(count - 1 - task % count)];
      forward.visit(block, task / count, device.thread_scratch(thread));
    });
  });
}

}  // namespace outright::cpu
