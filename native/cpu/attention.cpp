// Causal attention over a flat row with the start/skip rule and grouped query heads, forward and backward.
//
// Nothing of size T x T is stored: a thread holds the scores of a few rows. The keys that a token sees are
// lined up without gaps first, so that its result depends on their sequence alone. K, V (and in the backward
// pass q and dout) are transposed once, so that scores are computed for as many keys at once as a vector has
// lanes.
//
// The backward pass (Dao et al., 2022, with lse in place of the row maximum and sum) visits every score
// twice, once by query for dq and once by key for dk and dv. It is a quarter more arithmetic than one visit,
// but nothing is shared between threads and every sum has one order.
#include <cmath>
#include <type_traits>
#include <vector>

#include "attention_tiles.h"
#include "check.h"
#include "math.h"
#include "operations.h"
#include "spans.h"

namespace outright::cpu {

namespace {

constexpr int64_t kTile = 32;         // queries, or keys, of one tile of the pool
constexpr int64_t kQueryChunk = 512;  // queries that all keys of a tile meet before the next ones are read
// Transposed copies are made for a few heads at a time, so that they stay within this many floats if one head
// does.
constexpr int64_t kCopyFloats = int64_t{8} << 20;

// One head as seen through a layout: token t's C numbers start at data + t * stride.
struct Head {
  float* data;
  int64_t stride;
  float* row(int64_t t) const { return data + t * stride; }
};

// Where the heads of one of q, k and v lie.
struct Heads {
  const char* name;
  int64_t count, offset, token_stride, head_stride;

  // Elements that the buffer must have; checks that heads do not overlap.
  int64_t extent(const Check& check, int64_t T, int64_t C) const {
    if (offset < 0 || token_stride < 0 || head_stride < 0)
      check.invalid("the layout of %s is negative", name);
    if (T == 0 || count == 0 || C == 0) return 0;
    int64_t tokens = 0, heads = 0, extent = 0;
    if (__builtin_mul_overflow(T - 1, token_stride, &tokens) ||
        __builtin_mul_overflow(count - 1, head_stride, &heads) ||
        __builtin_add_overflow(tokens, heads, &extent) || __builtin_add_overflow(extent, C, &extent) ||
        __builtin_add_overflow(extent, offset, &extent))
      check.invalid("the layout of %s is too large", name);
    const bool by_token = (count == 1 || head_stride >= C) && (T == 1 || token_stride >= heads + C);
    const bool by_head = (T == 1 || token_stride >= C) && (count == 1 || head_stride >= tokens + C);
    if (!by_token && !by_head) check.invalid("the layout of %s makes heads overlap", name);
    return extent;
  }
  Head head(const float* data, int64_t h) const {
    return {const_cast<float*>(data) + offset + h * head_stride, token_stride};
  }
};

struct Shape {
  int64_t T, H, G, C;
  float scale;
  Heads q, k, v;
  int64_t group() const { return H / G; }                   // query heads per key head
  int64_t padded_T() const { return aligned(T + kSlack); }  // of a transposed row, or a row of scores
  int64_t padded_C() const { return aligned(C + kSlack); }
  double work() const {
    return 2.0 * static_cast<double>(T) * static_cast<double>(T) * static_cast<double>(H) *
           static_cast<double>(C);
  }
};

Shape shape_of(const Check& check, const outright_head_layout* layout, int64_t T, int64_t H, int64_t G,
               int64_t C, double scale) {
  check.sizes({{"T", T}, {"H", H}, {"G", G}, {"C", C}});
  check.host(layout, "layout", 1);
  if (G == 0 ? H != 0 : H % G != 0)
    check.invalid("%lld query heads cannot share %lld key heads evenly", static_cast<long long>(H),
                  static_cast<long long>(G));
  if (T > INT32_MAX) check.invalid("T is %lld: positions are int32", static_cast<long long>(T));
  const outright_head_layout& l = *layout;
  return {T,
          H,
          G,
          C,
          static_cast<float>(scale),
          {"q", H, l.q_offset, l.q_token_stride, l.q_head_stride},
          {"k", G, l.k_offset, l.k_token_stride, l.k_head_stride},
          {"v", G, l.v_offset, l.v_token_stride, l.v_head_stride}};
}

// to[c][t] = head[t][c], zeros behind the last token.
void transpose_head(const Head& head, float* to, int64_t C, const Range& tokens, int64_t T, int64_t stride) {
  for (int64_t t = tokens.begin; t < tokens.end; ++t)
    for (int64_t c = 0; c < C; ++c) to[c * stride + t] = head.row(t)[c];
  if (tokens.end == T)
    for (int64_t c = 0; c < C; ++c) std::fill(to + c * stride + T, to + (c + 1) * stride, 0.0f);
}

// Turns n scores into weights exp(scale s - max) in place and gives their sum and the maximum of scale s.
struct Softmax {
  float max, sum;
};
Softmax softmax(float* s, int64_t n, float scale) {
  Vec largest = splat(-INFINITY);
  for_vectors(n, [&](int64_t i, int64_t lanes) {
    const Vec z = load(s + i) * scale;
    store(s + i, z);
    largest = max(lanes == kLanes ? z : select(first_lanes(lanes), z, splat(-INFINITY)), largest);
  });
  const float top = max_lanes(largest);
  const float sum = row_sum(n, [&](int64_t i, int64_t lanes) {
    Vec weight = exp(load(s + i) - top);
    if (lanes < kLanes) weight = select(first_lanes(lanes), weight, Vec{});
    store(s + i, weight);
    return weight;
  });
  return {top, sum};
}

// Up to kTileRows consecutive queries of one run, and how many keys they see: query r sees common + r keys.
struct Queries {
  int64_t first;
  int count;
  const Run* run;
  int64_t ahead() const { return run->before.size(); }
  int64_t common() const { return ahead() + first - run->after + 1; }
};

// s[r][i] = x_r . y_i over the i-th key that the queries see; what lies beyond a query's own keys is not to
// be used.
void score_keys(const Queries& queries, int64_t C, const Head& x, const float* yT, int64_t stride, float* s) {
  with_rows(queries.count, [&](auto rows) {
    const Range& before = queries.run->before;
    const int64_t after = queries.run->after;
    const float* first = x.row(queries.first);
    score_rows<rows>(C, first, x.stride, yT + before.begin, stride, before.size(), s, stride);
    score_rows<rows>(C, first, x.stride, yT + after, stride, queries.first + queries.count - after,
                     s + before.size(), stride);
  });
}

// o[r] += sum_i p[r][i] y_i over the keys that query r sees. Keys that only some of the queries see are taken
// one by one, so that a NaN in a later token never meets an earlier query.
void combine_keys(const Queries& queries, int64_t C, const float* p, int64_t p_stride, const Head& y,
                  float* o, int64_t o_stride) {
  const Range& before = queries.run->before;
  const int64_t after = queries.run->after;
  with_rows(queries.count, [&](auto rows) {
    combine_rows<rows>(before.size(), p, p_stride, y.row(before.begin), y.stride, C, o, o_stride);
    combine_rows<rows>(queries.first + 1 - after, p + before.size(), p_stride, y.row(after), y.stride, C, o,
                       o_stride);
  });
  for (int r = 1; r < queries.count; ++r)
    combine_rows<1>(r, p + r * p_stride + queries.common(), p_stride, y.row(queries.first + 1), y.stride, C,
                    o + r * o_stride, o_stride);
}

// Calls body(queries) for groups of queries that cover the tokens of a tile.
template <typename Body>
void for_queries(const std::vector<Run>& runs, const Range& tokens, const Body& body) {
  auto run = std::upper_bound(runs.begin(), runs.end(), tokens.begin,
                              [](int64_t t, const Run& candidate) { return t < candidate.end; });
  for (int64_t t = tokens.begin; t < tokens.end;) {
    while (run->end <= t) ++run;
    const int64_t count = std::min<int64_t>({kTileRows, run->end - t, tokens.end - t});
    body(Queries{t, static_cast<int>(count), &*run});
    t += count;
  }
}

// Key heads that are worked on at a time, `copies` floats of transposed rows each.
int64_t heads_at_once(const Shape& shape, int64_t copies) {
  return std::clamp<int64_t>(kCopyFloats / std::max<int64_t>(1, copies), 1, std::max<int64_t>(1, shape.G));
}

}  // namespace

void attention(Device& device, const outright_tensor* q, const outright_tensor* k, const outright_tensor* v,
               const outright_head_layout* layout, const outright_tensor* o, const outright_tensor* lse,
               const outright_tensor* start, const outright_tensor* skip_from, const outright_tensor* skip_to,
               int64_t T, int64_t H, int64_t G, int64_t C, double scale) {
  Check check("attention");
  const Shape shape = shape_of(check, layout, T, H, G, C, scale);
  const float* Q = check.strided_input(q, "q", shape.q.extent(check, T, C));
  const float* K = check.strided_input(k, "k", shape.k.extent(check, T, C));
  const float* V = check.strided_input(v, "v", shape.v.extent(check, T, C));
  float* O = check.output(o, "o", {T, H, C});
  float* LSE = check.output(lse, "lse", {T, H});
  const std::vector<Run> runs = runs_of(check, start, skip_from, skip_to, T);
  check.separate();
  if (T == 0 || H == 0) return;

  const int64_t stride = shape.padded_T();
  const int64_t width = shape.padded_C();
  const int64_t tiles = ceil_div(T, kTile);
  const int64_t step = heads_at_once(shape, C * stride);
  float* copies = device.reserve_shared(step * C * stride);
  device.reserve_threads(kTileRows * (stride + width));

  for (int64_t g0 = 0; g0 < G; g0 += step) {
    const int64_t heads = std::min(step, G - g0);
    device.pool.run(heads * tiles, static_cast<double>(heads * T * C), [&](int64_t tile, int) {
      const int64_t g = tile / tiles;
      transpose_head(shape.k.head(K, g0 + g), copies + g * C * stride, C, part(tile % tiles, kTile, T), T,
                     stride);
    });
    const int64_t query_heads = heads * shape.group();
    device.pool.run(query_heads * tiles, shape.work(), [&](int64_t tile, int thread) {
      const int64_t h = g0 * shape.group() + tile / tiles;
      const int64_t g = h / shape.group();
      float* s = device.thread_scratch(thread);
      float* sums = s + kTileRows * stride;
      // Head by head, so that its keys stay in the cache; the last queries, which see the most keys, come
      // first.
      const Range tokens = part(tiles - 1 - tile % tiles, kTile, T);
      for_queries(runs, tokens, [&](const Queries& queries) {
        score_keys(queries, C, shape.q.head(Q, h), copies + (g - g0) * C * stride, stride, s);
        Softmax results[kTileRows];
        for (int r = 0; r < queries.count; ++r)
          results[r] = softmax(s + r * stride, queries.common() + r, shape.scale);
        std::fill_n(sums, queries.count * width, 0.0f);
        combine_keys(queries, C, s, stride, shape.v.head(V, g), sums, width);
        for (int r = 0; r < queries.count; ++r) {
          const int64_t t = queries.first + r;
          const auto [top, sum] = results[r];
          for_vectors(C, [&](int64_t c, int64_t n) {
            store_n(O + (t * H + h) * C + c, load(sums + r * width + c) / sum, n);
          });
          LSE[t * H + h] = static_cast<float>(static_cast<double>(top) + std::log(static_cast<double>(sum)));
        }
      });
    });
  }
}

namespace {

// p = exp(scale s - lse) and ds = p (dp - delta), in place of s and dp. lse and delta are one number per row
// of scores (the query's) or one per column: `step` is 0 or 1.
void score_gradients(float* s, float* dp, int64_t n, float scale, const float* lse, const float* delta,
                     int step) {
  for_vectors(n, [&](int64_t i, int64_t lanes) {
    const Vec row_lse = step ? load_n(lse + i, lanes) : splat(*lse);
    const Vec row_delta = step ? load_n(delta + i, lanes) : splat(*delta);
    const Vec p = exp(load_n(s + i, lanes) * scale - row_lse);
    const Vec ds = p * (load_n(dp + i, lanes) - row_delta);
    store_n(s + i, p, lanes);
    store_n(dp + i, ds, lanes);
  });
}

// Everything that the two visits of the backward pass share, for key heads [g0, g0 + heads).
struct Backward {
  const Shape& shape;
  const std::vector<Run>& runs;
  const float *Q, *K, *V, *DO;
  float *DQ, *DK, *DV;
  bool accumulate;
  int64_t g0;
  // Transposed copies, [head][C][stride], and per query head rows of T: lse and delta.
  float *kT, *vT, *qT, *doT, *lse, *delta;

  Heads dout() const { return {"dout", shape.H, 0, shape.H * shape.C, shape.C}; }
  int64_t stride() const { return shape.padded_T(); }
  float* copy(float* copies, int64_t head) const { return copies + head * shape.C * stride(); }

  void put(float* to, const float* sums, float factor) const {
    for_vectors(shape.C, [&](int64_t c, int64_t n) {
      const Vec gradient = load(sums + c) * factor;
      store_n(to + c, accumulate ? load_n(to + c, n) + gradient : gradient, n);
    });
  }

  // dq of the queries of one tile.
  void visit_queries(int64_t h, const Range& tokens, float* scratch) const {
    const int64_t C = shape.C;
    const int64_t g = h / shape.group();
    const int64_t local = h - g0 * shape.group();
    const int64_t width = shape.padded_C();
    float* s = scratch;
    float* dp = s + kTileRows * stride();
    float* sums = dp + kTileRows * stride();
    for_queries(runs, tokens, [&](const Queries& queries) {
      score_keys(queries, C, shape.q.head(Q, h), copy(kT, g - g0), stride(), s);
      score_keys(queries, C, dout().head(DO, h), copy(vT, g - g0), stride(), dp);
      for (int r = 0; r < queries.count; ++r) {
        const int64_t at = local * stride() + queries.first + r;
        score_gradients(s + r * stride(), dp + r * stride(), queries.common() + r, shape.scale, lse + at,
                        delta + at, 0);
      }
      std::fill_n(sums, queries.count * width, 0.0f);
      combine_keys(queries, C, dp, stride(), shape.k.head(K, g), sums, width);
      for (int r = 0; r < queries.count; ++r)
        put(shape.q.head(DQ, h).row(queries.first + r), sums + r * width, shape.scale);
    });
  }

  // dk and dv of the keys of one tile. Each sums over its group's query heads, then over the queries that see
  // it, in order; queries come in chunks that stay in the cache while all keys of the tile meet them.
  void visit_keys(int64_t g, const Range& keys, float* scratch) const {
    const int64_t width = shape.padded_C();
    float* s = scratch;
    float* dp = s + kTileRows * stride();
    float* dk = dp + kTileRows * stride();
    float* dv = dk + kTile * width;
    std::fill_n(dk, 2 * kTile * width, 0.0f);
    for (int64_t h = g * shape.group(); h < (g + 1) * shape.group(); ++h) {
      for (const Run& run : runs) {
        // Queries before the first key see none of them.
        for (int64_t t = std::max(run.begin, keys.begin); t < run.end; t += kQueryChunk) {
          Run chunk = run;
          chunk.begin = t;
          chunk.end = std::min(run.end, t + kQueryChunk);
          for (int64_t j = keys.begin; j < keys.end; j += kTileRows) {
            const Range few{j, std::min(keys.end, j + kTileRows)};
            // Those of them that the chunk's queries see: some before the skip, some after it.
            const Range seen[] = {{std::max(few.begin, run.before.begin), std::min(few.end, run.before.end)},
                                  {std::max(few.begin, run.after), std::min(few.end, chunk.end)}};
            for (const Range& some : seen)
              if (some.size() > 0) visit_run(g, h, chunk, some, keys.begin, s, dp, dk, dv);
          }
        }
      }
    }
    for (int64_t j = keys.begin; j < keys.end; ++j) {
      put(shape.k.head(DK, g).row(j), dk + (j - keys.begin) * width, shape.scale);
      put(shape.v.head(DV, g).row(j), dv + (j - keys.begin) * width, 1.0f);
    }
  }

 private:
  // Adds what the queries of one run send to keys [some.begin, some.end), all of which they see once they are
  // reached.
  void visit_run(int64_t g, int64_t h, const Run& run, const Range& some, int64_t first_key, float* s,
                 float* dp, float* dk, float* dv) const {
    const int64_t C = shape.C;
    const int64_t width = shape.padded_C();
    const int64_t local = h - g0 * shape.group();
    const int64_t begin = std::max(run.begin, some.begin);     // the first query that sees one of the keys
    const int64_t common = std::max(run.begin, some.end - 1);  // the first that sees all of them
    const int64_t n = run.end - begin;
    const Head k_head = shape.k.head(K, g), v_head = shape.v.head(V, g);
    const Head q_head = shape.q.head(Q, h), do_head = dout().head(DO, h);
    float* dk_row = dk + (some.begin - first_key) * width;
    float* dv_row = dv + (some.begin - first_key) * width;
    with_rows(static_cast<int>(some.size()), [&](auto rows) {
      score_rows<rows>(C, k_head.row(some.begin), k_head.stride, copy(qT, local) + begin, stride(), n, s,
                       stride());
      score_rows<rows>(C, v_head.row(some.begin), v_head.stride, copy(doT, local) + begin, stride(), n, dp,
                       stride());
      for (int r = 0; r < rows; ++r) {
        const int64_t own = std::max(run.begin, some.begin + r);  // the first query that sees this key
        const int64_t at = local * stride() + own;
        const int64_t skipped = own - begin;
        float* s_own = s + r * stride() + skipped;
        float* dp_own = dp + r * stride() + skipped;
        score_gradients(s_own, dp_own, run.end - own, shape.scale, lse + at, delta + at, 1);
        combine_rows<1>(common - own, dp_own, 0, q_head.row(own), q_head.stride, C, dk_row + r * width,
                        width);
        combine_rows<1>(common - own, s_own, 0, do_head.row(own), do_head.stride, C, dv_row + r * width,
                        width);
      }
      combine_rows<rows>(run.end - common, dp + (common - begin), stride(), q_head.row(common), q_head.stride,
                         C, dk_row, width);
      combine_rows<rows>(run.end - common, s + (common - begin), stride(), do_head.row(common),
                         do_head.stride, C, dv_row, width);
    });
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
  Check check("attention_backward");
  const Shape shape = shape_of(check, layout, T, H, G, C, scale);
  const int64_t q_extent = shape.q.extent(check, T, C);
  const int64_t k_extent = shape.k.extent(check, T, C);
  const int64_t v_extent = shape.v.extent(check, T, C);
  const float* DO = check.input(dout, "dout", {T, H, C});
  const float* Q = check.strided_input(q, "q", q_extent);
  const float* K = check.strided_input(k, "k", k_extent);
  const float* V = check.strided_input(v, "v", v_extent);
  const float* O = check.input(o, "o", {T, H, C});
  const float* LSE = check.input(lse, "lse", {T, H});
  float* DQ = check.strided_output(dq, "dq", q_extent);
  float* DK = check.strided_output(dk, "dk", k_extent);
  float* DV = check.strided_output(dv, "dv", v_extent);
  const std::vector<Run> runs = runs_of(check, start, skip_from, skip_to, T);
  check.separate();
  if (T == 0 || G == 0) return;

  const int64_t stride = shape.padded_T();
  const int64_t group = shape.group();
  const int64_t tiles = ceil_div(T, kTile);
  const int64_t per_key_head = (2 + 2 * group) * C * stride + 2 * group * stride;
  const int64_t step = heads_at_once(shape, per_key_head);
  float* shared = device.reserve_shared(step * per_key_head);
  device.reserve_threads(2 * (kTileRows * stride + kTile * shape.padded_C()));

  for (int64_t g0 = 0; g0 < G; g0 += step) {
    const int64_t heads = std::min(step, G - g0);
    const int64_t query_heads = heads * group;
    float* kT = shared;
    float* vT = kT + heads * C * stride;
    float* qT = vT + heads * C * stride;
    float* doT = qT + query_heads * C * stride;
    float* lse_rows = doT + query_heads * C * stride;
    float* delta_rows = lse_rows + query_heads * stride;
    const Backward backward{shape,           runs, Q,  K,  V,  DO,  DQ,       DK,        DV,
                            accumulate != 0, g0,   kT, vT, qT, doT, lse_rows, delta_rows};

    // Transposed copies; lse and delta = sum_c dout o by query head.
    device.pool.run(
        (heads + query_heads) * tiles, static_cast<double>((heads + query_heads) * 4 * T * C),
        [&](int64_t tile, int) {
          const Range tokens = part(tile % tiles, kTile, T);
          const int64_t index = tile / tiles;
          if (index < heads) {
            transpose_head(shape.k.head(K, g0 + index), backward.copy(kT, index), C, tokens, T, stride);
            transpose_head(shape.v.head(V, g0 + index), backward.copy(vT, index), C, tokens, T, stride);
            return;
          }
          const int64_t local = index - heads;
          const int64_t h = g0 * group + local;
          transpose_head(shape.q.head(Q, h), backward.copy(qT, local), C, tokens, T, stride);
          transpose_head(backward.dout().head(DO, h), backward.copy(doT, local), C, tokens, T, stride);
          for (int64_t t = tokens.begin; t < tokens.end; ++t) {
            const int64_t at = (t * H + h) * C;
            lse_rows[local * stride + t] = LSE[t * H + h];
            delta_rows[local * stride + t] = row_sum(
                C, [&](int64_t c, int64_t n) { return load_n(DO + at + c, n) * load_n(O + at + c, n); });
          }
        });

    // dq tiles first, then dk and dv tiles, in one run of the pool.
    const int64_t query_tiles = query_heads * tiles;
    device.pool.run(query_tiles + heads * tiles, 4.0 * shape.work(), [&](int64_t tile, int thread) {
      float* scratch = device.thread_scratch(thread);
      if (tile < query_tiles) {
        backward.visit_queries(g0 * group + tile / tiles, part(tiles - 1 - tile % tiles, kTile, T), scratch);
        return;
      }
      const int64_t rest = tile - query_tiles;
      backward.visit_keys(g0 + rest / tiles, part(rest % tiles, kTile, T), scratch);
    });
  }
}

}  // namespace outright::cpu
