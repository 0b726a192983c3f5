#include "attention_case.h"
#include "ops.h"

namespace outright::test {

namespace {

void AddBoth(Suite& suite, const std::string& name, const Heads& heads, const AttentionRow& row) {
  suite.Add("attention", name + ", " + heads.Name(),
            [=](Case& c, Random& r) { FillAttention(c, heads, row, RandomProjections(heads, row.T(), r)); });
  for (const bool accumulate : {false, true}) {
    suite.Add("attention_backward", name + ", " + heads.Name() + Accumulating(accumulate),
              [=](Case& c, Random& r) {
                const Projections p = RandomProjections(heads, row.T(), r);
                FillAttentionBackward(c, heads, row, p, r.Normal(row.T() * heads.H * heads.C), r, accumulate);
              });
  }
}

AttentionRow PackedPairs() {
  AttentionRow row;
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
  AddBoth(suite, "documents 17,16", {4, 4, 8, HeadPlacement::kFused}, Documents({17, 16}));
  AddBoth(suite, "packed pairs", {4, 2, 8}, PackedPairs());
  AddBoth(suite, "packed pairs", {3, 3, 10, HeadPlacement::kFused}, PackedPairs());
  AddBoth(suite, "packed pairs", {6, 3, 7, HeadPlacement::kPadded}, PackedPairs());
  AddBoth(suite, "T 20 of scale 0.25", {2, 2, 32, HeadPlacement::kSeparate, 0.25}, Documents({20}));
  // The largest heads, and such as fill up what is made for those.
  AddBoth(suite, "documents 5,12", {2, 1, 256}, Documents({5, 12}));
  AddBoth(suite, "packed pairs", {1, 1, 136}, PackedPairs());
  if (suite.quick) return;
  // Long enough for blocks of several tiles; scripts/native-test.mjs asks for them by name.
  AddBoth(suite, "several tiles a block, T 300", {1, 1, 128}, Documents({300}));
  AttentionRow pairs;
  pairs.Pair(150, 60, 90);
  AddBoth(suite, "several tiles a block, a long pair", {2, 1, 40}, pairs);
  AddBoth(suite, "T 150", {2, 1, 256}, Documents({150}));
  AddBoth(suite, "T 130", {2, 2, 128}, Documents({130}));
  AddBoth(suite, "T 129", {1, 1, 123}, Documents({129}));
  AddBoth(suite, "T 64", {4, 4, 64, HeadPlacement::kFused}, Documents({64}));
  AddBoth(suite, "T 300", {2, 1, 32}, Documents({300}));
  AddBoth(suite, "documents 400,1,200", {2, 2, 16}, Documents({400, 1, 200}));
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
  AddBoth(suite, "documents 30,700,5,530", {2, 2, 8, HeadPlacement::kFused}, Documents({30, 700, 5, 530}));
  for (const int64_t prompt : {63, 64, 65, 66}) {
    AttentionRow row;
    row.Document(prompt % 3);
    row.Pair(prompt, 70, 62);
    row.Pair(128 - prompt % 2, 1, 65);
    AddBoth(suite, "packed pairs across tiles, prompt " + std::to_string(prompt), {4, 2, 18}, row);
  }
  AttentionRow long_pairs;
  long_pairs.Pair(530, 40, 50);
  long_pairs.Pair(100, 470, 380);
  AddBoth(suite, "pairs of long answers", {2, 1, 16}, long_pairs);
  // Every token with a rule of its own: a window of 9, and one that leaves out all but the latest 5.
  AttentionRow windows;
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
  const AttentionRow row = PackedPairs();
  const Heads heads{4, 2, 8};
  const Heads sharp{2, 1, 4, HeadPlacement::kSeparate, 64.0};
  suite.Add("attention", "scores of +-1e4", [=](Case& c, Random& r) {
    FillAttention(c, sharp, row, LargeScores(sharp, row.T(), r));
    c.Find("lse").tolerance.floor = 1e3;
  });
  suite.Add("attention_backward", "scores of +-1e4", [=](Case& c, Random& r) {
    const Projections p = LargeScores(sharp, row.T(), r);
    FillAttentionBackward(c, sharp, row, p, r.Normal(row.T() * 8), r, false);
    // ds is 64 times the rest of a cancellation where one key has all the weight.
    for (const char* name : {"dq", "dk"}) c.Find(name).tolerance.floor = 64.0;
    c.derivatives.clear();
  });
  suite.Add("attention", "equal scores", [=](Case& c, Random& r) {
    Projections p = RandomProjections(heads, row.T(), r);
    p.q = Zeros(static_cast<int64_t>(p.q.size()));
    FillAttention(c, heads, row, p);
  });
  suite.Add("attention_backward", "dout = 0", [=](Case& c, Random& r) {
    FillAttentionBackward(c, heads, row, RandomProjections(heads, row.T(), r),
                          Zeros(row.T() * heads.H * heads.C), r, false);
  });
  // Bad numbers reach the tokens that see them, through skips and document ends nothing leaks.
  const int64_t width = heads.G * heads.C;
  for (const int64_t token : {int64_t{8}, int64_t{11}, int64_t{16}, int64_t{24}, row.T() - 1}) {
    const std::string at = " at token " + std::to_string(token);
    const size_t index = static_cast<size_t>(token * width + 3);
    suite.Add("attention", "NaN in k" + at, [=](Case& c, Random& r) {
      Projections p = RandomProjections(heads, row.T(), r);
      p.k[index] = kNaN;
      FillAttention(c, heads, row, p);
    });
    suite.Add("attention", "NaN in v" + at, [=](Case& c, Random& r) {
      Projections p = RandomProjections(heads, row.T(), r);
      p.v[index] = kNaN;
      FillAttention(c, heads, row, p);
    });
    suite.Add("attention", "infinity in v" + at, [=](Case& c, Random& r) {
      Projections p = RandomProjections(heads, row.T(), r);
      p.v[index] = kInfinity;
      FillAttention(c, heads, row, p);
    });
    suite.Add("attention", "NaN in q" + at, [=](Case& c, Random& r) {
      Projections p = RandomProjections(heads, row.T(), r);
      p.q[static_cast<size_t>(token * heads.H * heads.C + 1)] = kNaN;
      FillAttention(c, heads, row, p);
    });
    suite.Add("attention_backward", "NaN in dout" + at, [=](Case& c, Random& r) {
      std::vector<double> dout = r.Normal(row.T() * heads.H * heads.C);
      dout[static_cast<size_t>(token * heads.H * heads.C + 5)] = kNaN;
      FillAttentionBackward(c, heads, row, RandomProjections(heads, row.T(), r), std::move(dout), r, true);
      c.derivatives.clear();
    });
    suite.Add("attention_backward", "NaN in k" + at, [=](Case& c, Random& r) {
      Projections p = RandomProjections(heads, row.T(), r);
      p.k[index] = kNaN;
      FillAttentionBackward(c, heads, row, p, r.Normal(row.T() * heads.H * heads.C), r, false);
      c.derivatives.clear();
    });
  }
}

// The same over several tiles: near their borders, inside a shared prompt, in an answer that the other skips.
void AddSpecialValuesAcrossTiles(Suite& suite) {
  AttentionRow row;
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
        FillAttention(c, heads, row, p);
      });
      suite.Add("attention_backward", std::string("NaN in ") + name + at, [=](Case& c, Random& r) {
        Projections p = RandomProjections(heads, row.T(), r);
        spoil(p);
        FillAttentionBackward(c, heads, row, p, r.Normal(row.T() * heads.H * heads.C), r, false);
        c.derivatives.clear();
      });
    }
    suite.Add("attention_backward", "NaN in dout" + at, [=](Case& c, Random& r) {
      std::vector<double> dout = r.Normal(row.T() * heads.H * heads.C);
      dout[static_cast<size_t>(token * heads.H * heads.C + 30)] = kNaN;
      FillAttentionBackward(c, heads, row, RandomProjections(heads, row.T(), r), std::move(dout), r, true);
      c.derivatives.clear();
    });
  }
}

void AddInvalid(Suite& suite) {
  const Heads heads{4, 2, 4};
  const auto refuse = [&](const std::string& name, const std::string& mention,
                          const std::function<void(AttentionRow&)>& spoil) {
    AttentionRow row = Documents({6});
    spoil(row);
    for (const bool backward : {false, true}) {
      suite.Add(backward ? "attention_backward" : "attention", name, [=](Case& c, Random& r) {
        const AttentionRow good = Documents({6});
        const Projections p = RandomProjections(heads, good.T(), r);
        if (backward) FillAttentionBackward(c, heads, good, p, r.Normal(6 * 16), r, false);
        if (!backward) FillAttention(c, heads, good, p);
        c.Find("start").integers = row.start;
        c.Find("skip_from").integers = row.skip_from;
        c.Find("skip_to").integers = row.skip_to;
        c.derivatives.clear();
        c.expected = OUTRIGHT_INVALID;
        c.mention = mention;
      });
    }
  };
  refuse("start after its token", "3", [](AttentionRow& row) { row.start[2] = 3; });
  refuse("a negative start", "-7", [](AttentionRow& row) { row.start[4] = -7; });
  refuse("a skip that begins before the row", "-1", [](AttentionRow& row) {
    row.skip_from[4] = -1;
    row.skip_to[4] = 2;
  });
  refuse("a skip that holds its token", "5", [](AttentionRow& row) {
    row.skip_from[4] = 2;
    row.skip_to[4] = 5;
  });
  suite.Add("attention", "query heads that the key heads do not divide", [=](Case& c, Random& r) {
    FillAttention(c, heads, Documents({6}), RandomProjections(heads, 6, r));
    c.run = [=](const Call& a) {
      const outright_head_layout layout = LayoutOf(heads, 6);
      return a.api.attention(a.device, a("q"), a("k"), a("v"), &layout, a("o"), a("lse"), a("start"),
                             a("skip_from"), a("skip_to"), 6, 3, 2, 4, 0.5);
    };
    c.expected = OUTRIGHT_INVALID;
    c.mention = "attention";
  });
  suite.Add("attention", "a layout that reaches beyond its buffer", [=](Case& c, Random& r) {
    FillAttention(c, heads, Documents({6}), RandomProjections(heads, 6, r));
    c.run = [=](const Call& a) {
      outright_head_layout layout = LayoutOf(heads, 6);
      layout.k_offset += 1;
      return a.api.attention(a.device, a("q"), a("k"), a("v"), &layout, a("o"), a("lse"), a("start"),
                             a("skip_from"), a("skip_to"), 6, 4, 2, 4, 0.5);
    };
    c.expected = OUTRIGHT_INVALID;
    c.mention = "attention";
  });
}

}  // namespace

void AddAttention(Suite& suite) {
  AddShapes(suite);
  AddSpecialValues(suite);
  if (!suite.quick) AddSpecialValuesAcrossTiles(suite);
  AddInvalid(suite);
  AddAttentionInvariants(suite);
  const auto add_perf = [&suite](void (Suite::*add)(const std::string&, const std::string&, const Filler&),
                                 int64_t T, const Heads& heads) {
    const std::string name = "T " + std::to_string(T) + ", " + heads.Name();
    const AttentionRow row = Documents({T});
    (suite.*add)("attention", name,
                 [=](Case& c, Random& r) { FillAttention(c, heads, row, RandomProjections(heads, T, r)); });
    (suite.*add)("attention_backward", name,
                 [=](Case& c, Random& r) { FillAttentionBackwardPerf(c, heads, row, r); });
  };
  for (const int64_t T : {512, 2048}) add_perf(&Suite::AddPerf, T, {12, 12, 64});
  add_perf(&Suite::AddLargePerf, 4096, {32, 8, 128});
}

}  // namespace outright::test
