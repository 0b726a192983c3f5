#include "../oracle/attention.h"

#include <array>
#include <cstring>
#include <stdexcept>

#include "../harness/execution.h"
#include "ops.h"

namespace outright::test {

namespace {

// The spans of a row, one document after another.
struct Row {
  std::vector<int32_t> start, skip_from, skip_to;
  int64_t T() const { return static_cast<int64_t>(start.size()); }

  void Token(int64_t first, int64_t from = 0, int64_t to = 0) {
    start.push_back(static_cast<int32_t>(first));
    skip_from.push_back(static_cast<int32_t>(from));
    skip_to.push_back(static_cast<int32_t>(to));
  }
  void Document(int64_t length) {
    const int64_t first = T();
    for (int64_t i = 0; i < length; ++i) Token(first);
  }
  // prompt, chosen, a second copy of the last prompt token, rejected; from the copy on, the original last
  // prompt token and chosen are skipped.
  void Pair(int64_t prompt, int64_t chosen, int64_t rejected) {
    const int64_t first = T();
    for (int64_t i = 0; i < prompt + chosen; ++i) Token(first);
    for (int64_t i = 0; i < 1 + rejected; ++i) Token(first, first + prompt - 1, first + prompt + chosen);
  }
  oracle::Spans Spans() const { return {start.data(), skip_from.data(), skip_to.data()}; }
};

Row Documents(const std::vector<int64_t>& lengths) {
  Row row;
  for (const int64_t length : lengths) row.Document(length);
  return row;
}

enum class Layout { kSeparate, kFused, kPadded };

struct Heads {
  int64_t H, G, C;
  Layout layout = Layout::kSeparate;
  double scale = 0.0;  // 0: 1 / sqrt(C)
  double Scale() const { return scale != 0.0 ? scale : 1.0 / Root(C); }
  std::string Name() const {
    const char* const names[] = {"", " fused", " padded"};
    return "heads " + Shape(H, G, C) + names[static_cast<int>(layout)];
  }
};

// Element counts of the q, k, v buffers (for a fused one: of the whole, three times) and where heads lie.
struct Placement {
  int64_t q, k, v;
  oracle::HeadLayout at;
};

Placement Place(const Heads& heads, int64_t T) {
  const auto [H, G, C, layout, scale] = heads;
  switch (layout) {
    case Layout::kFused: {
      const int64_t token = 3 * H * C;
      return {T * token, T * token, T * token, {0, token, 3 * C, C, token, 3 * C, 2 * C, token, 3 * C}};
    }
    case Layout::kPadded: {  // gaps in front, between heads and between tokens
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
  if (heads.layout == Layout::kFused) return {prefix + "qkv", prefix + "qkv", prefix + "qkv"};
  return {prefix + "q", prefix + "k", prefix + "v"};
}

struct Projections {
  std::vector<double> q, k, v;  // all of a fused buffer in q
};

Projections RandomProjections(const Heads& heads, int64_t T, Random& r) {
  const Placement place = Place(heads, T);
  Projections p;
  p.q = AsFloat32(r.Normal(place.q));
  if (heads.layout != Layout::kFused) {
    p.k = AsFloat32(r.Normal(place.k));
    p.v = AsFloat32(r.Normal(place.v));
  }
  return p;
}

void AddProjections(Case& c, const Heads& heads, const Projections& p) {
  const Names names = Buffers(heads, "");
  c.Input(names.q, p.q);
  if (heads.layout == Layout::kFused) return;
  c.Input("k", p.k);
  c.Input("v", p.v);
}

void AddSpans(Case& c, const Row& row) {
  c.Ints("start", row.start);
  c.Ints("skip_from", row.skip_from);
  c.Ints("skip_to", row.skip_to);
}

oracle::Spans SpansOf(Values& a) { return {a.Ints("start"), a.Ints("skip_from"), a.Ints("skip_to")}; }

double VisiblePairs(const Row& row) {
  double pairs = 0.0;
  for (int64_t t = 0; t < row.T(); ++t) {
    for (int64_t j = row.start[static_cast<size_t>(t)]; j <= t; ++j)
      pairs += row.Spans().Sees(t, j) ? 1.0 : 0.0;
  }
  return pairs;
}

void FillForward(Case& c, const Heads& heads, const Row& row, const Projections& p) {
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

void FillBackward(Case& c, const Heads& heads, const Row& row, Projections p, std::vector<double> dout,
                  Random& r, bool accumulate) {
  p = {c.Stored(std::move(p.q)), c.Stored(std::move(p.k)), c.Stored(std::move(p.v))};
  const oracle::AttentionShape shape{row.T(), heads.H, heads.G, heads.C, heads.Scale()};
  const Placement place = Place(heads, row.T());
  const oracle::HeadLayout at = place.at;
  const Names names = Buffers(heads, "");
  const Names gradients = Buffers(heads, "d");
  const bool fused = heads.layout == Layout::kFused;
  std::vector<double> o = Zeros(shape.T * shape.H * shape.C);
  std::vector<double> lse = Zeros(shape.T * shape.H);
  const double* q = p.q.data();
  oracle::Attention(q, fused ? q : p.k.data(), fused ? q : p.v.data(), at, o.data(), lse.data(), row.Spans(),
                    shape);

  c.Input("dout", std::move(dout));
  AddProjections(c, heads, p);
  c.Input("o", std::move(o));
  c.Input32("lse", std::move(lse));
  AddSpans(c, row);
  const Tolerance tolerance = WithRoundedFactors(c, {1.5e-6, 4e-5, 0.0});
  // Gaps in a padded layout keep what they hold, so there the buffers start with numbers rather than NaN.
  const auto gradient = [&](const std::string& name, int64_t count) {
    if (heads.layout == Layout::kPadded) {
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
  const bool tellable = heads.layout != Layout::kPadded || accumulate;
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

void AddBoth(Suite& suite, const std::string& name, const Heads& heads, const Row& row) {
  suite.Add("attention", name + ", " + heads.Name(),
            [=](Case& c, Random& r) { FillForward(c, heads, row, RandomProjections(heads, row.T(), r)); });
  for (const bool accumulate : {false, true}) {
    suite.Add("attention_backward", name + ", " + heads.Name() + Accumulating(accumulate),
              [=](Case& c, Random& r) {
                const Projections p = RandomProjections(heads, row.T(), r);
                FillBackward(c, heads, row, p, r.Normal(row.T() * heads.H * heads.C), r, accumulate);
              });
  }
}

Row PackedPairs() {
  Row row;
  row.Pair(9, 5, 7);
  row.Document(6);
  row.Pair(1, 3, 2);
  row.Pair(12, 1, 1);
  return row;
}

void AddShapes(Suite& suite) {
  AddBoth(suite, "T 7", {2, 1, 4}, Documents({7}));
  AddBoth(suite, "T 0", {2, 1, 4}, Documents({}));
  AddBoth(suite, "T 1", {1, 1, 1}, Documents({1}));
  AddBoth(suite, "T 33", {8, 2, 16}, Documents({33}));
  AddBoth(suite, "T 40", {3, 3, 5}, Documents({40}));
  AddBoth(suite, "documents 5,1,27", {4, 1, 12}, Documents({5, 1, 27}));
  AddBoth(suite, "documents 17,16", {4, 4, 8, Layout::kFused}, Documents({17, 16}));
  AddBoth(suite, "packed pairs", {4, 2, 8}, PackedPairs());
  AddBoth(suite, "packed pairs", {3, 3, 10, Layout::kFused}, PackedPairs());
  AddBoth(suite, "packed pairs", {6, 3, 7, Layout::kPadded}, PackedPairs());
  AddBoth(suite, "T 20 of scale 0.25", {2, 2, 32, Layout::kSeparate, 0.25}, Documents({20}));
  if (suite.quick) return;
  AddBoth(suite, "T 130", {2, 2, 128}, Documents({130}));
  AddBoth(suite, "T 129", {1, 1, 123}, Documents({129}));
  AddBoth(suite, "T 64", {4, 4, 64, Layout::kFused}, Documents({64}));
  AddBoth(suite, "T 300", {2, 1, 32}, Documents({300}));
  AddBoth(suite, "documents 400,1,200", {2, 2, 16}, Documents({400, 1, 200}));
  Row pairs;
  pairs.Pair(150, 60, 90);
  pairs.Pair(40, 100, 30);
  AddBoth(suite, "long packed pairs", {4, 2, 16}, pairs);
  // Tiles' borders, and lengths beside them.
  for (const int64_t T : {63, 65, 127, 128, 191, 257})
    AddBoth(suite, "T " + std::to_string(T), {2, 1, T % 4 == 3 ? 33 : 20}, Documents({T}));
  AddBoth(suite, "documents 64,65,63,128", {4, 2, 24}, Documents({64, 65, 63, 128}));
  std::vector<int64_t> tiny;
  for (int64_t i = 0; i < 90; ++i) tiny.push_back(1 + i * 7 % 11);
  AddBoth(suite, "90 tiny documents", {3, 1, 16}, Documents(tiny));
  // Longer than what a backend may take at a time.
  AddBoth(suite, "T 1100", {2, 1, 16}, Documents({1100}));
  AddBoth(suite, "documents 30,700,5,530", {2, 2, 8, Layout::kFused}, Documents({30, 700, 5, 530}));
  for (const int64_t prompt : {63, 64, 65, 66}) {
    Row row;
    row.Document(prompt % 3);
    row.Pair(prompt, 70, 62);
    row.Pair(128 - prompt % 2, 1, 65);
    AddBoth(suite, "packed pairs across tiles, prompt " + std::to_string(prompt), {4, 2, 18}, row);
  }
  Row long_pairs;
  long_pairs.Pair(530, 40, 50);
  long_pairs.Pair(100, 470, 380);
  AddBoth(suite, "pairs of long answers", {2, 1, 16}, long_pairs);
  // Every token with a rule of its own: a window of 9, and one that leaves out all but the latest 5.
  Row windows;
  for (int64_t t = 0; t < 80; ++t) windows.Token(std::max<int64_t>(0, t - 8));
  windows.Document(10);
  for (int64_t t = 90; t < 170; ++t) windows.Token(80, 85, t - 4);
  AddBoth(suite, "windows", {2, 2, 12}, windows);
  // More heads than a backend may care to hold copies of at once.
  AddBoth(suite, "T 3", {2048, 1024, 160}, Documents({1, 2}));
}

// Whole numbers and a power of two as scale: scores up to 16384 that float32 holds exactly.
Projections LargeScores(const Heads& heads, int64_t T, Random& r) {
  Projections p = RandomProjections(heads, T, r);
  for (std::vector<double>* values : {&p.q, &p.k}) {
    for (double& value : *values) value = std::round(std::fmax(-8.0, std::fmin(8.0, 4.0 * value)));
  }
  return p;
}

void AddSpecialValues(Suite& suite) {
  const Row row = PackedPairs();
  const Heads heads{4, 2, 8};
  const Heads sharp{2, 1, 4, Layout::kSeparate, 64.0};
  suite.Add("attention", "scores of +-1e4", [=](Case& c, Random& r) {
    FillForward(c, sharp, row, LargeScores(sharp, row.T(), r));
    c.Find("lse").tolerance.floor = 1e3;
  });
  suite.Add("attention_backward", "scores of +-1e4", [=](Case& c, Random& r) {
    const Projections p = LargeScores(sharp, row.T(), r);
    FillBackward(c, sharp, row, p, r.Normal(row.T() * 8), r, false);
    // ds is 64 times the rest of a cancellation where one key has all the weight.
    for (const char* name : {"dq", "dk"}) c.Find(name).tolerance.floor = 64.0;
    c.derivatives.clear();
  });
  suite.Add("attention", "equal scores", [=](Case& c, Random& r) {
    Projections p = RandomProjections(heads, row.T(), r);
    p.q = Zeros(static_cast<int64_t>(p.q.size()));
    FillForward(c, heads, row, p);
  });
  suite.Add("attention_backward", "dout = 0", [=](Case& c, Random& r) {
    FillBackward(c, heads, row, RandomProjections(heads, row.T(), r), Zeros(row.T() * heads.H * heads.C), r,
                 false);
  });
  // Bad numbers reach the tokens that see them, through skips and document ends nothing leaks.
  const int64_t width = heads.G * heads.C;
  for (const int64_t token : {int64_t{8}, int64_t{11}, int64_t{16}, int64_t{24}, row.T() - 1}) {
    const std::string at = " at token " + std::to_string(token);
    const size_t index = static_cast<size_t>(token * width + 3);
    suite.Add("attention", "NaN in k" + at, [=](Case& c, Random& r) {
      Projections p = RandomProjections(heads, row.T(), r);
      p.k[index] = kNaN;
      FillForward(c, heads, row, p);
    });
    suite.Add("attention", "NaN in v" + at, [=](Case& c, Random& r) {
      Projections p = RandomProjections(heads, row.T(), r);
      p.v[index] = kNaN;
      FillForward(c, heads, row, p);
    });
    suite.Add("attention", "infinity in v" + at, [=](Case& c, Random& r) {
      Projections p = RandomProjections(heads, row.T(), r);
      p.v[index] = kInfinity;
      FillForward(c, heads, row, p);
    });
    suite.Add("attention", "NaN in q" + at, [=](Case& c, Random& r) {
      Projections p = RandomProjections(heads, row.T(), r);
      p.q[static_cast<size_t>(token * heads.H * heads.C + 1)] = kNaN;
      FillForward(c, heads, row, p);
    });
    suite.Add("attention_backward", "NaN in dout" + at, [=](Case& c, Random& r) {
      std::vector<double> dout = r.Normal(row.T() * heads.H * heads.C);
      dout[static_cast<size_t>(token * heads.H * heads.C + 5)] = kNaN;
      FillBackward(c, heads, row, RandomProjections(heads, row.T(), r), std::move(dout), r, true);
      c.derivatives.clear();
    });
    suite.Add("attention_backward", "NaN in k" + at, [=](Case& c, Random& r) {
      Projections p = RandomProjections(heads, row.T(), r);
      p.k[index] = kNaN;
      FillBackward(c, heads, row, p, r.Normal(row.T() * heads.H * heads.C), r, false);
      c.derivatives.clear();
    });
  }
}

// The same over several tiles: near their borders, inside a shared prompt, in an answer that the other skips.
void AddSpecialValuesAcrossTiles(Suite& suite) {
  Row row;
  row.Document(3);
  row.Pair(66, 71, 68);
  row.Document(70);
  const Heads heads{2, 1, 24};
  for (const int64_t token : {3, 66, 67, 68, 69, 100, 139, 140, 207, 208, 209, 277}) {
    const std::string at = " at token " + std::to_string(token) + " of many";
    for (const char* const name : {"q", "k", "v"}) {
      const auto spoil = [=](Projections& p) {
        std::vector<double>& values = *name == 'q' ? p.q : *name == 'k' ? p.k : p.v;
        values[static_cast<size_t>(token * (*name == 'q' ? heads.H : heads.G) * heads.C + 3)] = kNaN;
      };
      suite.Add("attention", std::string("NaN in ") + name + at, [=](Case& c, Random& r) {
        Projections p = RandomProjections(heads, row.T(), r);
        spoil(p);
        FillForward(c, heads, row, p);
      });
      suite.Add("attention_backward", std::string("NaN in ") + name + at, [=](Case& c, Random& r) {
        Projections p = RandomProjections(heads, row.T(), r);
        spoil(p);
        FillBackward(c, heads, row, p, r.Normal(row.T() * heads.H * heads.C), r, false);
        c.derivatives.clear();
      });
    }
    suite.Add("attention_backward", "NaN in dout" + at, [=](Case& c, Random& r) {
      std::vector<double> dout = r.Normal(row.T() * heads.H * heads.C);
      dout[static_cast<size_t>(token * heads.H * heads.C + 30)] = kNaN;
      FillBackward(c, heads, row, RandomProjections(heads, row.T(), r), std::move(dout), r, true);
      c.derivatives.clear();
    });
  }
}

void AddInvalid(Suite& suite) {
  const Heads heads{4, 2, 4};
  const auto refuse = [&](const std::string& name, const std::string& mention,
                          const std::function<void(Row&)>& spoil) {
    Row row = Documents({6});
    spoil(row);
    for (const bool backward : {false, true}) {
      suite.Add(backward ? "attention_backward" : "attention", name, [=](Case& c, Random& r) {
        const Row good = Documents({6});
        const Projections p = RandomProjections(heads, good.T(), r);
        if (backward) FillBackward(c, heads, good, p, r.Normal(6 * 16), r, false);
        if (!backward) FillForward(c, heads, good, p);
        c.Find("start").integers = row.start;
        c.Find("skip_from").integers = row.skip_from;
        c.Find("skip_to").integers = row.skip_to;
        c.derivatives.clear();
        c.expected = OUTRIGHT_INVALID;
        c.mention = mention;
      });
    }
  };
  refuse("start after its token", "3", [](Row& row) { row.start[2] = 3; });
  refuse("a negative start", "-7", [](Row& row) { row.start[4] = -7; });
  refuse("a skip that begins before the row", "-1", [](Row& row) {
    row.skip_from[4] = -1;
    row.skip_to[4] = 2;
  });
  refuse("a skip that holds its token", "5", [](Row& row) {
    row.skip_from[4] = 2;
    row.skip_to[4] = 5;
  });
  suite.Add("attention", "query heads that the key heads do not divide", [=](Case& c, Random& r) {
    FillForward(c, heads, Documents({6}), RandomProjections(heads, 6, r));
    c.run = [=](const Call& a) {
      const outright_head_layout layout = Abi(Place(heads, 6).at);
      return a.api.attention(a.device, a("q"), a("k"), a("v"), &layout, a("o"), a("lse"), a("start"),
                             a("skip_from"), a("skip_to"), 6, 3, 2, 4, 0.5);
    };
    c.expected = OUTRIGHT_INVALID;
    c.mention = "attention";
  });
  suite.Add("attention", "a layout that reaches beyond its buffer", [=](Case& c, Random& r) {
    FillForward(c, heads, Documents({6}), RandomProjections(heads, 6, r));
    c.run = [=](const Call& a) {
      outright_head_layout layout = Abi(Place(heads, 6).at);
      layout.k_offset += 1;
      return a.api.attention(a.device, a("q"), a("k"), a("v"), &layout, a("o"), a("lse"), a("start"),
                             a("skip_from"), a("skip_to"), 6, 4, 2, 4, 0.5);
    };
    c.expected = OUTRIGHT_INVALID;
    c.mention = "attention";
  });
}

// One row of tokens as rows of another: from[i] is the token of the base data that stands at place i.
struct Arrangement {
  Row row;
  std::vector<int64_t> from;
};

struct Results {
  std::vector<unsigned char> o, lse;
  int64_t element_bytes;  // of o
};

Results RunArranged(Device& device, int32_t storage, const Heads& heads, const Projections& base,
                    const Arrangement& arrangement) {
  Projections p;
  p.q = PickRows(base.q, heads.H * heads.C, arrangement.from);
  p.k = PickRows(base.k, heads.G * heads.C, arrangement.from);
  p.v = PickRows(base.v, heads.G * heads.C, arrangement.from);
  Case c;
  c.storage = storage;
  FillForward(c, heads, arrangement.row, p);
  Execution execution(device, c);
  if (execution.Run() != OUTRIGHT_OK) throw std::runtime_error(device.LastError());
  return {execution.Bytes("o"), execution.Bytes("lse"), DtypeBytes(storage)};
}

// "" when `count` tokens from `at` in `a` have the bits of those from `b_at` in `b`.
std::string SameTokens(const Heads& heads, const Results& a, int64_t at, const Results& b, int64_t b_at,
                       int64_t count, const std::string& what) {
  for (int64_t i = 0; i < count; ++i) {
    const auto differs = [&](const std::vector<unsigned char>& x, const std::vector<unsigned char>& y,
                             int64_t width) {
      const size_t bytes = static_cast<size_t>(width);
      return std::memcmp(x.data() + static_cast<size_t>(at + i) * bytes,
                         y.data() + static_cast<size_t>(b_at + i) * bytes, bytes) != 0;
    };
    if (differs(a.o, b.o, heads.H * heads.C * a.element_bytes))
      return "o of token " + std::to_string(i) + " differs: " + what;
    if (differs(a.lse, b.lse, heads.H * DtypeBytes(OUTRIGHT_FLOAT32)))
      return "lse of token " + std::to_string(i) + " differs: " + what;
  }
  return "";
}

std::vector<int64_t> Range(int64_t begin, int64_t end) {
  std::vector<int64_t> range;
  for (int64_t i = begin; i < end; ++i) range.push_back(i);
  return range;
}

void Append(std::vector<int64_t>& to, const std::vector<int64_t>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

// A document alone, and behind or before others.
std::string CheckPacking(Device& device, int32_t storage, const Heads& heads, int64_t length) {
  Random random(Hash("attention packing " + heads.Name()));
  const Projections base = RandomProjections(heads, length + 100, random);
  const Results alone = RunArranged(device, storage, heads, base, {Documents({length}), Range(0, length)});
  // Cut short: what comes after does not matter.
  for (const int64_t kept : {length - 1, length * 2 / 3, int64_t{1}}) {
    const Results shorter = RunArranged(device, storage, heads, base, {Documents({kept}), Range(0, kept)});
    const std::string wrong =
        SameTokens(heads, alone, 0, shorter, 0, kept, "cut to " + std::to_string(kept) + " tokens");
    if (!wrong.empty()) return wrong;
  }
  for (const int64_t before : {1, 3, 8, 16, 31, 64, 100}) {
    Arrangement packed{Documents({before, length, 9}), Range(length, length + before)};
    Append(packed.from, Range(0, length));
    Append(packed.from, Range(length, length + 9));
    const Results results = RunArranged(device, storage, heads, base, packed);
    const std::string wrong = SameTokens(heads, alone, 0, results, before, length,
                                         "alone and behind " + std::to_string(before) + " other tokens");
    if (!wrong.empty()) return wrong;
  }
  return "";
}

// A pair with a shared prompt against prompt + chosen and prompt + rejected on their own.
std::string CheckSharedPrompt(Device& device, int32_t storage, const Heads& heads) {
  for (const auto& [prompt, chosen, rejected, before] :
       std::vector<std::array<int64_t, 4>>{{9, 5, 7, 0},
                                           {1, 3, 2, 4},
                                           {40, 33, 17, 11},
                                           {64, 64, 64, 64},
                                           {13, 1, 30, 5},
                                           {65, 130, 90, 2},
                                           {62, 1, 5, 1},
                                           {200, 77, 150, 40}}) {
    Random random(Hash("attention sharing " + heads.Name()));
    const int64_t answers = prompt + chosen;
    const Projections base = RandomProjections(heads, answers + rejected + before, random);
    const std::vector<int64_t> prompt_tokens = Range(0, prompt);
    const std::vector<int64_t> rejected_tokens = Range(answers, answers + rejected);

    Arrangement shared{Documents({before}), Range(answers + rejected, answers + rejected + before)};
    shared.row.Pair(prompt, chosen, rejected);
    Append(shared.from, Range(0, answers));
    shared.from.push_back(prompt - 1);
    Append(shared.from, rejected_tokens);
    Arrangement second{Documents({prompt + rejected}), prompt_tokens};
    Append(second.from, rejected_tokens);

    const Results together = RunArranged(device, storage, heads, base, shared);
    const Results first_alone =
        RunArranged(device, storage, heads, base, {Documents({answers}), Range(0, answers)});
    const Results second_alone = RunArranged(device, storage, heads, base, second);
    const std::string sizes = Shape(prompt, chosen, rejected);
    std::string wrong =
        SameTokens(heads, first_alone, 0, together, before, answers, "prompt + chosen of " + sizes);
    if (!wrong.empty()) return wrong;
    // From the copy of the last prompt token on.
    wrong = SameTokens(heads, second_alone, prompt - 1, together, before + answers, 1 + rejected,
                       "prompt + rejected of " + sizes);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

// Gradients of a document alone, and behind others: dq, dk and dv of its tokens.
std::string CheckPackedGradients(Device& device, int32_t storage, const Heads& heads, int64_t length) {
  Random random(Hash("attention gradients " + heads.Name()));
  const Projections base = RandomProjections(heads, length + 70, random);
  const std::vector<double> base_dout = random.Normal((length + 70) * heads.H * heads.C);
  const auto run = [&](const Row& row, const std::vector<int64_t>& from) {
    const Projections p{PickRows(base.q, heads.H * heads.C, from), PickRows(base.k, heads.G * heads.C, from),
                        PickRows(base.v, heads.G * heads.C, from)};
    Case c;
    c.storage = storage;
    Random unused(1);
    FillBackward(c, heads, row, p, PickRows(base_dout, heads.H * heads.C, from), unused, false);
    Execution execution(device, c);
    if (execution.Run() != OUTRIGHT_OK) throw std::runtime_error(device.LastError());
    return std::array{execution.Bytes("dq"), execution.Bytes("dk"), execution.Bytes("dv")};
  };
  const auto alone = run(Documents({length}), Range(0, length));
  for (const int64_t before : {1, 17, 70}) {
    std::vector<int64_t> from = Range(length, length + before);
    Append(from, Range(0, length));
    const auto packed = run(Documents({before, length}), from);
    for (size_t i = 0; i < alone.size(); ++i) {
      const int64_t token = (i == 0 ? heads.H : heads.G) * heads.C * DtypeBytes(storage);
      if (!std::equal(alone[i].begin(), alone[i].end(), packed[i].begin() + before * token))
        return std::string(i == 0   ? "dq"
                           : i == 1 ? "dk"
                                    : "dv") +
               " differs behind " + std::to_string(before) + " other tokens";
    }
  }
  return "";
}

void AddInvariants(Suite& suite) {
  for (const int32_t storage : {OUTRIGHT_FLOAT32, OUTRIGHT_BFLOAT16}) {
    if (storage == OUTRIGHT_BFLOAT16 && !kBfloat16Attention) continue;
    for (const Heads& heads : {Heads{8, 2, 16}, Heads{3, 3, 5}, Heads{2, 1, 64}}) {
      const std::string name = heads.Name() + " " + DtypeName(storage);
      for (const int64_t length : {77, 300}) {
        const std::string of = std::to_string(length) + " tokens, " + name;
        suite.invariants.push_back({"attention", "packed = unpacked, " + of,
                                    [=](Device& d) { return CheckPacking(d, storage, heads, length); }});
        suite.invariants.push_back({"attention_backward", "packed = unpacked, " + of, [=](Device& d) {
                                      return CheckPackedGradients(d, storage, heads, length);
                                    }});
      }
      suite.invariants.push_back({"attention", "shared prompt = unshared, " + name,
                                  [=](Device& d) { return CheckSharedPrompt(d, storage, heads); }});
    }
  }
}

}  // namespace

void AddAttention(Suite& suite) {
  AddShapes(suite);
  AddSpecialValues(suite);
  if (!suite.quick) AddSpecialValuesAcrossTiles(suite);
  AddInvalid(suite);
  AddInvariants(suite);
  for (const int64_t T : {512, 2048}) {
    const Heads heads{12, 12, 64};
    suite.AddPerf("attention", "T " + std::to_string(T) + ", " + heads.Name(), [=](Case& c, Random& r) {
      FillForward(c, heads, Documents({T}), RandomProjections(heads, T, r));
    });
    if (T > 512) continue;  // the float64 forward that prepares it would take long
    suite.AddPerf("attention_backward", "T " + std::to_string(T) + ", " + heads.Name(),
                  [=](Case& c, Random& r) {
                    const Projections p = RandomProjections(heads, T, r);
                    FillBackward(c, heads, Documents({T}), p, r.Normal(T * heads.H * heads.C), r, false);
                  });
  }
}

}  // namespace outright::test
