// Attention of new tokens over a cache: against float64, and to the bits of a flat row.
#include <cstring>
#include <stdexcept>

#include "../harness/execution.h"
#include "attention_case.h"
#include "ops.h"

namespace outright::test {

namespace {

void AddCase(Suite& suite, const std::string& name, const Heads& heads, const CachedTokens& tokens) {
  suite.Add("attention_cached", name + ", " + heads.Name(), [=](Case& c, Random& r) {
    const int64_t count = tokens.S * heads.G * heads.C;
    const Projections p = RandomProjections(heads, tokens.N(), r);
    FillAttentionCached(c, heads, tokens, p, r.Normal(count), r.Normal(count));
  });
}

CachedTokens Tokens(int64_t S) { return {S, {}, {}}; }

// One new token each of sequences of these lengths, with room left between them.
CachedTokens Step(const std::vector<int64_t>& lengths) {
  CachedTokens tokens = Tokens(0);
  for (const int64_t length : lengths) {
    tokens.Sequence(tokens.S, length - 1, 1);
    tokens.S += length + 3;
  }
  return tokens;
}

void AddShapes(Suite& suite) {
  AddCase(suite, "one token", {2, 1, 4}, Step({1}));
  AddCase(suite, "no token", {2, 1, 4}, Tokens(5));
  AddCase(suite, "a step of 3 sequences", {4, 2, 16}, Step({9, 1, 33}));
  AddCase(suite, "a step of 3 sequences", {3, 3, 10, HeadPlacement::kFused}, Step({17, 40, 2}));
  AddCase(suite, "a step of 3 sequences", {6, 3, 7, HeadPlacement::kPadded}, Step({5, 64, 65}));
  CachedTokens prompts = Tokens(90);
  prompts.Sequence(50, 0, 17);  // a prompt, another that goes on, and a token that sees both
  prompts.Sequence(0, 12, 9);
  prompts.Sequence(50, 17, 1);
  AddCase(suite, "prompts and steps", {4, 1, 12}, prompts);
  AddCase(suite, "prompts and steps", {2, 2, 8, HeadPlacement::kFused}, prompts);
  CachedTokens backwards = Tokens(8);  // rows in another order than tokens
  for (const int32_t row : {5, 3, 4, 7}) {
    backwards.first.push_back(2);
    backwards.last.push_back(row);
  }
  AddCase(suite, "tokens in any order", {2, 1, 5}, backwards);
  if (suite.quick) return;
  AddCase(suite, "a step of long sequences", {4, 2, 64}, Step({63, 64, 65, 127, 128, 300, 700}));
  AddCase(suite, "a step", {1, 1, 123}, Step({129}));
  AddCase(suite, "a step", {2, 2, 128}, Step({130, 257}));
  CachedTokens longer = Tokens(900);
  longer.Sequence(0, 70, 300);
  longer.Sequence(400, 0, 270);
  AddCase(suite, "long prompts", {4, 2, 20}, longer);
}

void AddInvalid(Suite& suite) {
  const Heads heads{2, 1, 4};
  const auto refuse = [&](const std::string& name, const std::string& mention, std::vector<int32_t> first,
                          std::vector<int32_t> last) {
    suite.Add("attention_cached", name, [=](Case& c, Random& r) {
      const CachedTokens tokens{6, first, last};
      FillAttentionCached(c, heads, tokens, RandomProjections(heads, tokens.N(), r), r.Normal(24),
                          r.Normal(24));
      c.expected = OUTRIGHT_INVALID;
      c.mention = mention;
    });
  };
  refuse("a row beyond the cache", "last[1] is 6, outside [0, 6)", {0, 0}, {1, 6});
  refuse("a negative row", "last[0] is -1, outside [0, 6)", {-1, 0}, {-1, 2});
  refuse("a span that begins after its token", "first[1] is 3, outside [0, 2]", {0, 3}, {1, 2});
  refuse("a span that begins before the cache", "first[0] is -2, outside [0, 1]", {-2}, {1});
  refuse("two tokens in one row", "row 2 of the cache", {0, 1, 0}, {2, 4, 2});
}

std::vector<unsigned char> Run(Device& device, int32_t storage, const std::function<void(Case&)>& fill,
                               std::vector<std::vector<double>*> read = {}) {
  Case c;
  c.storage = storage;
  fill(c);
  Execution execution(device, c);
  if (execution.Run() != OUTRIGHT_OK) throw std::runtime_error(device.LastError());
  const char* const names[] = {"k_cache", "v_cache"};
  for (size_t i = 0; i < read.size(); ++i) *read[i] = execution.Read(names[i]);
  return execution.Bytes("o");
}

// A sequence in parts of the given lengths, beside another one, has the bits of a flat row.
std::string CheckParts(Device& device, int32_t storage, const Heads& heads,
                       const std::vector<int64_t>& parts) {
  int64_t length = 0;
  for (const int64_t part : parts) length += part;
  Random random(Hash("attention cached " + heads.Name()));
  const Projections base = RandomProjections(heads, length, random);
  const std::vector<unsigned char> flat =
      Run(device, storage, [&](Case& c) { FillAttention(c, heads, Documents({length}), base); });

  const int64_t S = 2 * length + 7, begin = 4;
  std::vector<double> k = random.Normal(S * heads.G * heads.C), v = random.Normal(S * heads.G * heads.C);
  const auto width = static_cast<size_t>(heads.H * heads.C * DtypeBytes(storage));
  int64_t done = 0;
  for (const int64_t part : parts) {
    // the other sequence's token comes first, and is a copy of this one's last
    std::vector<int64_t> from{done + part - 1};
    for (int64_t i = 0; i < part; ++i) from.push_back(done + i);
    CachedTokens tokens{S, {}, {}};
    tokens.Sequence(begin + length, done, 1);
    tokens.Sequence(begin, done, part);
    const Projections p{PickRows(base.q, heads.H * heads.C, from), PickRows(base.k, heads.G * heads.C, from),
                        PickRows(base.v, heads.G * heads.C, from)};
    const std::vector<unsigned char> o =
        Run(device, storage, [&](Case& c) { FillAttentionCached(c, heads, tokens, p, k, v); }, {&k, &v});
    for (int64_t i = 0; i < part; ++i) {
      if (std::memcmp(o.data() + static_cast<size_t>(i + 1) * width,
                      flat.data() + static_cast<size_t>(done + i) * width, width) != 0)
        return "token " + std::to_string(done + i) + " of " + std::to_string(length) + " differs";
    }
    done += part;
  }
  return "";
}

}  // namespace

void AddAttentionCached(Suite& suite) {
  AddShapes(suite);
  AddInvalid(suite);
  for (const int32_t storage : {OUTRIGHT_FLOAT32, OUTRIGHT_BFLOAT16}) {
    const std::string dtype = storage == OUTRIGHT_FLOAT32 ? "" : ", bfloat16";
    const auto add = [&](const std::string& name, const Heads& heads, const std::vector<int64_t>& parts) {
      suite.invariants.push_back({"attention_cached", name + ", " + heads.Name() + dtype,
                                  [=](Device& device) { return CheckParts(device, storage, heads, parts); }});
    };
    add("token by token", {4, 2, 16}, std::vector<int64_t>(20, 1));
    add("a prompt and tokens", {2, 2, 12}, {13, 1, 1, 5, 1});
    if (suite.quick) continue;
    add("across tiles", {2, 1, 64}, {63, 1, 1, 1, 62, 1, 1, 140, 1});
    add("a long prompt and tokens", {2, 2, 33}, {300, 1, 1, 1});
  }
  const Heads heads{12, 12, 64};
  suite.AddPerf("attention_cached", "8 sequences of 512, " + heads.Name(), [=](Case& c, Random& r) {
    const CachedTokens tokens = Step(std::vector<int64_t>(8, 512));
    const int64_t count = tokens.S * heads.G * heads.C;
    FillAttentionCached(c, heads, tokens, RandomProjections(heads, tokens.N(), r), r.Normal(count),
                        r.Normal(count));
  });
}

}  // namespace outright::test
