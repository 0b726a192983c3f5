// A case of attention: which tokens see which, how heads lie in memory, and the buffers of both passes.
#pragma once

#include "../harness/case.h"
#include "../oracle/attention.h"

namespace outright::test {

// The spans of a row, one document after another.
struct AttentionRow {
  std::vector<int32_t> start, skip_from, skip_to;
  int64_t T() const { return static_cast<int64_t>(start.size()); }

  void Token(int64_t first, int64_t from = 0, int64_t to = 0);
  void Document(int64_t length);
  // prompt, chosen, a second copy of the last prompt token, rejected; from the copy on, the original last
  // prompt token and chosen are skipped.
  void Pair(int64_t prompt, int64_t chosen, int64_t rejected);
  oracle::Spans Spans() const { return {start.data(), skip_from.data(), skip_to.data()}; }
};

AttentionRow Documents(const std::vector<int64_t>& lengths);

enum class HeadPlacement { kSeparate, kFused, kPadded };

// H query heads, G heads of keys and values, C numbers each.
struct Heads {
  int64_t H, G, C;
  HeadPlacement placement = HeadPlacement::kSeparate;
  double scale = 0.0;  // 0: 1 / sqrt(C)
  double Scale() const;
  std::string Name() const;
};

// Where the heads of T tokens lie, as the ABI says it.
outright_head_layout LayoutOf(const Heads& heads, int64_t T);

struct Projections {
  std::vector<double> q, k, v;  // all of a fused buffer in q
};

Projections RandomProjections(const Heads& heads, int64_t T, Random& r);

void FillAttention(Case& c, const Heads& heads, const AttentionRow& row, const Projections& p);
void FillAttentionBackward(Case& c, const Heads& heads, const AttentionRow& row, Projections p,
                           std::vector<double> dout, Random& r, bool accumulate);
// The same for the perf mode: spares the float64 forward, so that o and lse are not those of the rest.
void FillAttentionBackwardPerf(Case& c, const Heads& heads, const AttentionRow& row, Random& r);

// New tokens over a cache of S rows: token n is row last[n] and sees the rows from first[n] on.
struct CachedTokens {
  int64_t S;
  std::vector<int32_t> first, last;
  int64_t N() const { return static_cast<int64_t>(first.size()); }

  // `count` tokens of a sequence that begins at row `begin` and has `before` rows already.
  void Sequence(int64_t begin, int64_t before, int64_t count);
};

// `k_cache` and `v_cache` [S,G,C] hold what was there before.
void FillAttentionCached(Case& c, const Heads& heads, const CachedTokens& tokens, const Projections& p,
                         std::vector<double> k_cache, std::vector<double> v_cache);

void AddAttentionInvariants(Suite& suite);

}  // namespace outright::test
