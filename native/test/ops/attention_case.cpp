#include "attention_case.h"

#include "ops.h"

namespace outright::test {

void AttentionRow::Token(int64_t first, int64_t from, int64_t to) {
  start.push_back(static_cast<int32_t>(first));
  skip_from.push_back(static_cast<int32_t>(from));
  skip_to.push_back(static_cast<int32_t>(to));
}

void AttentionRow::Document(int64_t length) {
  const int64_t first = T();
  for (int64_t i = 0; i < length; ++i) Token(first);
}

void AttentionRow::Pair(int64_t prompt, int64_t chosen, int64_t rejected) {
  const int64_t first = T();
  for (int64_t i = 0; i < prompt + chosen; ++i) Token(first);
  for (int64_t i = 0; i < 1 + rejected; ++i) Token(first, first + prompt - 1, first + prompt + chosen);
}

AttentionRow Documents(const std::vector<int64_t>& lengths) {
  AttentionRow row;
  for (const int64_t length : lengths) row.Document(length);
  return row;
}

double Heads::Scale() const { return scale != 0.0 ? scale : 1.0 / Root(C); }

std::string Heads::Name() const {
  const char* const names[] = {"", " fused", " padded"};
  return "heads " + Shape(H, G, C) + names[static_cast<int>(placement)];
}

namespace {

// Element counts of the q, k, v buffers (for a fused one: of the whole, three times) and where heads lie.
struct Placement {
  int64_t q, k, v;
  oracle::HeadLayout at;
};

Placement Place(const Heads& heads, int64_t T) {
  const auto [H, G, C, placement, scale] = heads;
  switch (placement) {
    case HeadPlacement::kFused: {
      const int64_t token = 3 * H * C;
      return {T * token, T * token, T * token, {0, token, 3 * C, C, token, 3 * C, 2 * C, token, 3 * C}};
    }
    case HeadPlacement::kPadded: {  // gaps in front, between heads and between tokens
      const int64_t q = H * (C + 2) + 3;
      const int64_t k = G * (C + 1) + 1;
      const int64_t v = G * (C + 5);
      return {5 + T * q, 1 + T * k, T * v, {5, q, C + 2, 1, k, C + 1, 0, v, C + 5}};
    }
    default:
      return {T * H * C, T * G * C, T * G * C, {0, H * C, C, 0, G * C, C, 0, G * C, C}};
  }
}

outright_head_layout Abi(const oracle::HeadLayout& at) {
  return {at.q_offset, at.q_token,  at.q_head,  at.k_offset, at.k_token,
          at.k_head,   at.v_offset, at.v_token, at.v_head};
}

// Names of the buffers that hold q, k and v: one where they are fused.
struct Names {
  std::string q, k, v;
};
Names Buffers(const Heads& heads, const std::string& prefix) {
  if (heads.placement == HeadPlacement::kFused) return {prefix + "qkv", prefix + "qkv", prefix + "qkv"};
  return {prefix + "q", prefix + "k", prefix + "v"};
}

void AddProjections(Case& c, const Heads& heads, const Projections& p) {
  const Names names = Buffers(heads, "");
  c.Input(names.q, p.q);
  if (heads.placement == HeadPlacement::kFused) return;
  c.Input("k", p.k);
  c.Input("v", p.v);
}

void AddSpans(Case& c, const AttentionRow& row) {
  c.Ints("start", row.start);
  c.Ints("skip_from", row.skip_from);
  c.Ints("skip_to", row.skip_to);
}

oracle::Spans SpansOf(Values& a) { return {a.Ints("start"), a.Ints("skip_from"), a.Ints("skip_to")}; }

double VisiblePairs(const AttentionRow& row) {
  double pairs = 0.0;
  for (int64_t t = 0; t < row.T(); ++t) {
    for (int64_t j = row.start[static_cast<size_t>(t)]; j <= t; ++j)
      pairs += row.Spans().Sees(t, j) ? 1.0 : 0.0;
  }
  return pairs;
}

}  // namespace

outright_head_layout LayoutOf(const Heads& heads, int64_t T) { return Abi(Place(heads, T).at); }

Projections RandomProjections(const Heads& heads, int64_t T, Random& r) {
  const Placement place = Place(heads, T);
  Projections p;
  p.q = AsFloat32(r.Normal(place.q));
  if (heads.placement != HeadPlacement::kFused) {
    p.k = AsFloat32(r.Normal(place.k));
    p.v = AsFloat32(r.Normal(place.v));
  }
  return p;
}

void FillAttention(Case& c, const Heads& heads, const AttentionRow& row, const Projections& p) {
  const oracle::AttentionShape shape{row.T(), heads.H, heads.G, heads.C, heads.Scale()};
  const oracle::HeadLayout at = Place(heads, row.T()).at;
  const Names names = Buffers(heads, "");
  AddProjections(c, heads, p);
  AddSpans(c, row);
  c.Output("o", shape.T * shape.H * shape.C, WithRoundedFactors(c, {7e-7, 7e-6, 0.0}));
  c.Output32("lse", shape.T * shape.H, {3e-7, 3e-6, 1.0});
  c.run = [=](const Call& a) {
    const outright_head_layout layout = Abi(at);
    return a.api.attention(a.device, a(names.q), a(names.k), a(names.v), &layout, a("o"), a("lse"),
                           a("start"), a("skip_from"), a("skip_to"), shape.T, shape.H, shape.G, shape.C,
                           shape.scale);
  };
  c.oracle = [=](Values& a) {
    oracle::Attention(a[names.q], a[names.k], a[names.v], at, a["o"], a["lse"], SpansOf(a), shape);
  };
  c.work.flops = 4.0 * VisiblePairs(row) * static_cast<double>(shape.H * shape.C);
  c.work.bytes = c.Bytes(shape.T * shape.C * (2 * shape.H + 2 * shape.G));
}

namespace {

// Of a forward pass: o [T, H, C] and lse [T, H].
struct Attended {
  std::vector<double> o, lse;
};

void FillBackward(Case& c, const Heads& heads, const AttentionRow& row, const Projections& p,
                  std::vector<double> dout, Attended attended, Random& r, bool accumulate) {
  const oracle::AttentionShape shape{row.T(), heads.H, heads.G, heads.C, heads.Scale()};
  const Placement place = Place(heads, row.T());
  const oracle::HeadLayout at = place.at;
  const Names names = Buffers(heads, "");
  const Names gradients = Buffers(heads, "d");
  const bool fused = heads.placement == HeadPlacement::kFused;
  c.Input("dout", std::move(dout));
  AddProjections(c, heads, p);
  c.Input("o", std::move(attended.o));
  c.Input32("lse", std::move(attended.lse));
  AddSpans(c, row);
  const Tolerance tolerance = WithRoundedFactors(c, {1.5e-6, 4e-5, 0.0});
  // Gaps in a padded layout keep what they hold, so there the buffers start with numbers rather than NaN.
  const auto gradient = [&](const std::string& name, int64_t count) {
    if (heads.placement == HeadPlacement::kPadded) {
      c.InOut(name, r.Normal(count), tolerance);
    } else {
      c.Gradient(name, r.Normal(count), accumulate, tolerance);
    }
  };
  gradient(gradients.q, place.q);
  if (!fused) {
    gradient("dk", place.k);
    gradient("dv", place.v);
  }
  c.run = [=](const Call& a) {
    const outright_head_layout layout = Abi(at);
    return a.api.attention_backward(a.device, a("dout"), a(names.q), a(names.k), a(names.v), &layout, a("o"),
                                    a("lse"), a("start"), a("skip_from"), a("skip_to"), a(gradients.q),
                                    a(gradients.k), a(gradients.v), shape.T, shape.H, shape.G, shape.C,
                                    shape.scale, accumulate);
  };
  c.oracle = [=](Values& a) {
    oracle::AttentionBackward(a["dout"], a[names.q], a[names.k], a[names.v], at, a["o"], a["lse"], SpansOf(a),
                              a[gradients.q], a[gradients.k], a[gradients.v], shape, accumulate);
  };
  // A padded buffer is overwritten in parts, so what the call added to it cannot be told by subtraction.
  const bool tellable = heads.placement != HeadPlacement::kPadded || accumulate;
  if (tellable && VisiblePairs(row) * static_cast<double>(shape.H * shape.C) < 60000.0) {
    if (fused) c.derivatives = {{"qkv", "dqkv"}};
    if (!fused) c.derivatives = {{"q", "dq"}, {"k", "dk"}, {"v", "dv"}};
  }
  if (c.InBfloat16()) c.backward_rounding = 4.0 * kBfloat16Rounding;  // of o, and of factors
  c.objective = [=](Values& a) {
    std::vector<double> output = Zeros(shape.T * shape.H * shape.C);
    std::vector<double> unused = Zeros(shape.T * shape.H);
    oracle::Attention(a[names.q], a[names.k], a[names.v], at, output.data(), unused.data(), SpansOf(a),
                      shape);
    return Weigh(a["dout"], output);
  };
  c.work.flops = 10.0 * VisiblePairs(row) * static_cast<double>(shape.H * shape.C);
  c.work.bytes = c.Bytes(shape.T * shape.C * (4 * shape.H + 4 * shape.G));
}

}  // namespace

void FillAttentionBackward(Case& c, const Heads& heads, const AttentionRow& row, Projections p,
                           std::vector<double> dout, Random& r, bool accumulate) {
  p = {c.Stored(std::move(p.q)), c.Stored(std::move(p.k)), c.Stored(std::move(p.v))};
  const oracle::AttentionShape shape{row.T(), heads.H, heads.G, heads.C, heads.Scale()};
  const bool fused = heads.placement == HeadPlacement::kFused;
  Attended attended{Zeros(shape.T * shape.H * shape.C), Zeros(shape.T * shape.H)};
  const double* q = p.q.data();
  oracle::Attention(q, fused ? q : p.k.data(), fused ? q : p.v.data(), Place(heads, row.T()).at,
                    attended.o.data(), attended.lse.data(), row.Spans(), shape);
  FillBackward(c, heads, row, p, std::move(dout), std::move(attended), r, accumulate);
}

void FillAttentionBackwardPerf(Case& c, const Heads& heads, const AttentionRow& row, Random& r) {
  const int64_t count = row.T() * heads.H;
  FillBackward(c, heads, row, RandomProjections(heads, row.T(), r), r.Normal(count * heads.C),
               {Zeros(count * heads.C), Zeros(count)}, r, false);
}

void CachedTokens::Sequence(int64_t begin, int64_t before, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    first.push_back(static_cast<int32_t>(begin));
    last.push_back(static_cast<int32_t>(begin + before + i));
  }
}

void FillAttentionCached(Case& c, const Heads& heads, const CachedTokens& tokens, const Projections& p,
                         std::vector<double> k_cache, std::vector<double> v_cache) {
  const oracle::AttentionShape shape{tokens.N(), heads.H, heads.G, heads.C, heads.Scale()};
  const oracle::HeadLayout at = Place(heads, tokens.N()).at;
  const Names names = Buffers(heads, "");
  AddProjections(c, heads, p);
  c.InOut("k_cache", std::move(k_cache), {0.0, 0.0, 0.0});
  c.InOut("v_cache", std::move(v_cache), {0.0, 0.0, 0.0});
  c.Ints("first", tokens.first);
  c.Ints("last", tokens.last);
  c.Output("o", shape.T * shape.H * shape.C, WithRoundedFactors(c, {7e-7, 7e-6, 0.0}));
  const int64_t S = tokens.S;
  c.run = [=](const Call& a) {
    const outright_head_layout layout = Abi(at);
    return a.api.attention_cached(a.device, a(names.q), a(names.k), a(names.v), &layout, a("k_cache"),
                                  a("v_cache"), a("o"), a("first"), a("last"), shape.T, S, shape.H, shape.G,
                                  shape.C, shape.scale);
  };
  c.oracle = [=](Values& a) {
    oracle::AttentionCached(a[names.q], a[names.k], a[names.v], at, a["k_cache"], a["v_cache"], a["o"],
                            a.Ints("first"), a.Ints("last"), shape);
  };
  double pairs = 0.0;
  for (size_t n = 0; n < tokens.first.size(); ++n) pairs += 1.0 + tokens.last[n] - tokens.first[n];
  c.work.flops = 4.0 * pairs * static_cast<double>(shape.H * shape.C);
  c.work.bytes = c.Bytes(static_cast<int64_t>(2.0 * pairs) * shape.G * shape.C);
}

}  // namespace outright::test
