// The forward pass of attention for some queries of one head, whether their keys lie in the same row or in a
// cache: tiles of queries x keys with an online softmax (Milakov & Gimelshein 2018; Dao et al. 2022). The
// keys that a run of tokens sees are lined up without gaps and cut into tiles from the first of them on, so
// that a token's result depends on their sequence alone; keys that are not seen are never visited.
#pragma once

#include <cmath>

#include "attention_single.h"
#include "attention_tiles.h"
#include "device.h"

namespace outright::cpu {

inline constexpr int64_t kBlocks =
    4;  // blocks of kQueries queries that meet a tile of keys while it is at hand

// Consecutive queries [first, first + count), at most kBlocks * kQueries, and the head that they are of. The
// first of them sees the keys [before.begin, before.end), then those from `after` on, position + 1 in all;
// each next one sees one more.
struct Task {
  Range before;
  int64_t after, position;
  int64_t first, count, head;
  int64_t keys_end() const { return after + position + count - before.size(); }
};

template <typename X>
struct Forward {
  const AttentionShape& shape;
  const X *Q, *K, *V;
  X* O;
  float* LSE;  // or NULL, where nobody wants it

  int64_t C() const { return shape.C; }
  int64_t words() const { return words_of<X>(shape.C); }
  int64_t width() const { return aligned(shape.C); }
  int64_t word_width() const { return aligned(words()); }

  // A block of queries: q transposed [word width][64]; running sum of weighted v, transposed [width][64];
  // running maximum of scores and sum of weights [64].
  struct Block {
    float *qT, *oT, *max, *sum;
  };
  // What a thread works with: rows [64][word width] of q, then of k; v [64][width]; scores [64][64].
  struct Scratch {
    float *q, *k, *v, *s;
    Block blocks[kBlocks];
    int64_t floats;
  };
  Scratch scratch(float* memory) const {
    float* at = memory;
    const auto take = [&](int64_t floats) { return std::exchange(at, at + floats); };
    Scratch s{};
    s.q = take(kQueries * word_width());
    s.k = take(kKeys * word_width());
    s.v = take(kKeys * width());
    s.s = take(kKeys * kQueries);
    for (Block& block : s.blocks)
      block = {take(kQueries * word_width()), take(kQueries * width()), take(kQueries), take(kQueries)};
    s.floats = at - memory;
    return s;
  }

  void visit(const Task& task, float* memory) const {
    const Scratch s = scratch(memory);
    if (task.count == 1) return visit_single(task, s);
    const int64_t blocks = ceil_div(task.count, kQueries);
    for (int64_t b = 0; b < blocks; ++b) {
      const Range queries = part(b, kQueries, task.count);
      const Block& block = s.blocks[b];
      copy_words(shape.q.head(Q, task.head), task.first + queries.begin, queries.size(), C(), s.q,
                 word_width());
      transpose_queries(s.q, word_width(), queries.size(), block.qT);
      std::fill_n(block.oT, width() * kQueries, 0.0f);
      std::fill_n(block.max, kQueries, -INFINITY);
      std::fill_n(block.sum, kQueries, 0.0f);
    }
    const int64_t keys = task.position + task.count;
    for (int64_t first = 0; first < keys; first += kKeys) {
      load_keys(task, tile_of(task, first, std::min(kKeys, keys - first)), s);
      for (int64_t b = 0; b < blocks; ++b) {
        const Range queries = part(b, kQueries, task.count);
        const int64_t ahead = task.position + queries.begin - first;
        const Tile tile{std::min(kKeys, ahead + queries.size()), queries.size(), ahead};
        if (tile.keys <= 0) continue;
        const Block& block = s.blocks[b];
        score_tile<kPaired<X>>(tile, words(), block.qT, s.k, word_width(), shape.scale, s.s);
        for (int64_t v = 0; v < tile.vectors(); ++v) softmax(tile, v, s.s + v * kLanes, block);
        add_columns(tile, C(), s.s, s.v, width(), block.oT);
      }
    }
    for (int64_t b = 0; b < blocks; ++b) finish(task, part(b, kQueries, task.count), s.blocks[b]);
  }

  // The same for a single query, as in every step of generation: a vector holds scores of neighbouring keys,
  // or neighbouring numbers of the output, and each lane does what visit() does in the query's.
  void visit_single(const Task& task, const Scratch& s) const {
    const int64_t g = task.head / shape.group();
    const Head<const X> k = shape.k.head(K, g), v = shape.v.head(V, g);
    copy_words(shape.q.head(Q, task.head), task.first, 1, C(), s.q, word_width());
    float* o = s.blocks[0].oT;
    std::fill_n(o, width(), 0.0f);
    single::Softmax softmax;
    const int64_t keys = task.position + 1;
    for (int64_t first = 0; first < keys; first += kKeys) {
      const KeyTile tile = tile_of(task, first, std::min(kKeys, keys - first));
      prefetch_next(task, tile, k, v);
      single::scores(k, tile.before, tile.split, C(), s.q, shape.scale, s.s);
      single::scores(k, tile.after, tile.count - tile.split, C(), s.q, shape.scale, s.s + tile.split);
      const float factor = softmax.weigh(s.s, tile.count);
      single::scale(o, width(), factor);
      single::add(v, tile.before, tile.split, C(), s.s, o);
      single::add(v, tile.after, tile.count - tile.split, C(), s.s + tile.split, o);
    }
    single::scale(o, width(), softmax.inverse());
    X* out = shape.out().head(O, task.head).row(task.first);
    for_vectors(C(), [&](int64_t c, int64_t lanes) { store_n(out + c, load(o + c), lanes); });
    if (LSE != nullptr) LSE[task.first * shape.H + task.head] = log_sum(softmax.max, softmax.sum);
  }

  // Asks for what a task needs first.
  void prefetch(const Task& task) const {
    const int64_t g = task.head / shape.group();
    const int64_t key = task.before.size() > 0 ? task.before.begin : task.after;
    prefetch_rows(shape.q.head(Q, task.head), task.first, task.count, C());
    const int64_t keys = std::min(kKeys, task.keys_end() - key);
    prefetch_rows(shape.k.head(K, g), key, keys, C());
    prefetch_rows(shape.v.head(V, g), key, keys, C());
  }

 private:
  // `count` keys of those that a task's queries see: `split` rows from `before` on, then rows from `after`
  // on.
  struct KeyTile {
    int64_t count, split, before, after;
    int64_t next() const { return after + count - split; }
  };
  // From the task's key `first` on.
  static KeyTile tile_of(const Task& task, int64_t first, int64_t count) {
    const int64_t ahead = task.before.size();
    const int64_t split = std::clamp<int64_t>(ahead - first, 0, count);
    return {count, split, task.before.begin + first, task.after + first + split - ahead};
  }

  // The next tile is asked for while one is worked on.
  void prefetch_next(const Task& task, const KeyTile& tile, const Head<const X>& k,
                     const Head<const X>& v) const {
    const int64_t count = std::min(kKeys, task.keys_end() - tile.next());
    prefetch_rows(k, tile.next(), count, C());
    prefetch_rows(v, tile.next(), count, C());
  }

  void load_keys(const Task& task, const KeyTile& tile, const Scratch& s) const {
    const int64_t g = task.head / shape.group();
    const Head<const X> k = shape.k.head(K, g), v = shape.v.head(V, g);
    const auto [count, split, before, after] = tile;
    prefetch_next(task, tile, k, v);
    copy_words(k, before, split, C(), s.k, word_width());
    copy_words(k, after, count - split, C(), s.k + split * word_width(), word_width());
    std::fill_n(s.k + count * word_width(), (kKeys - count) % kKeyRows * word_width(), 0.0f);
    copy_rows(v, before, split, C(), s.v, width());
    copy_rows(v, after, count - split, C(), s.v + split * width(), width());
  }

  // Turns one vector's scores into weights relative to its largest score so far.
  void softmax(const Tile& tile, int64_t v, float* s, const Block& block) const {
    const int64_t all = tile.seen_by_all(v);
    const int64_t any = tile.seen_by_any(v);
    const Vec before = load(block.max + v * kLanes);
    Vec now = before;
    for (int64_t j = 0; j < all; ++j) now = max(load(s + j * kQueries), now);
    for (int64_t j = all; j < any; ++j)
      now = max(select(tile.sees(v, j), load(s + j * kQueries), splat(-INFINITY)), now);
    // Where there is no number yet, any will do.
    const Vec base = select(now == -INFINITY, Vec{}, now);
    const Vec factor = softmax_weight(before - base);
    Vec sum = load(block.sum + v * kLanes) * factor;
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
    store(block.max + v * kLanes, now);
    store(block.sum + v * kLanes, sum);
    if (min_lanes(factor) == 1.0f) return;
    float* o = block.oT + v * kLanes;
    for (int64_t c = 0; c < C(); ++c, o += kQueries) store(o, load(o) * factor);
  }

  // log of the sum of e^score
  static float log_sum(float max, float sum) {
    return static_cast<float>(static_cast<double>(max) + std::log(static_cast<double>(sum)));
  }

  static float min_lanes(Vec v) { return -max_lanes(-v); }

  void finish(const Task& task, const Range& queries, const Block& block) const {
    for (int64_t i = 0; i < queries.size(); i += kLanes) {
      const Vec top = load(block.max + i);
      // Scores of -infinity only have no softmax.
      const Vec sum = select(top == -INFINITY, splat(NAN), load(block.sum + i));
      store(block.sum + i, sum);
      const Vec inverse = 1.0f / sum;
      float* o = block.oT + i;
      for (int64_t c = 0; c < C(); ++c, o += kQueries) store(o, load(o) * inverse);
    }
    const int64_t first = task.first + queries.begin;
    const Head<X> out = shape.out().head(O, task.head);
    for_transposed(block.oT, queries.size(), C(),
                   [&](int64_t i, int64_t c, int64_t n, Vec o) { store_n(out.row(first + i) + c, o, n); });
    if (LSE == nullptr) return;
    for (int64_t i = 0; i < queries.size(); ++i)
      LSE[(first + i) * shape.H + task.head] = log_sum(block.max[i], block.sum[i]);
  }
};

}  // namespace outright::cpu
