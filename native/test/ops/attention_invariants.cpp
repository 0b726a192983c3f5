// Same bits however tokens are packed: forward and backward.
#include <array>
#include <cstring>
#include <stdexcept>

#include "../harness/execution.h"
#include "attention_case.h"
#include "ops.h"

namespace outright::test {

namespace {

// One row of tokens as rows of another: from[i] is the token of the base data that stands at place i.
struct Arrangement {
  AttentionRow row;
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
  FillAttention(c, heads, arrangement.row, p);
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
  const auto run = [&](const AttentionRow& row, const std::vector<int64_t>& from) {
    const Projections p{PickRows(base.q, heads.H * heads.C, from), PickRows(base.k, heads.G * heads.C, from),
                        PickRows(base.v, heads.G * heads.C, from)};
    Case c;
    c.storage = storage;
    Random unused(1);
    FillAttentionBackward(c, heads, row, p, PickRows(base_dout, heads.H * heads.C, from), unused, false);
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

}  // namespace

void AddAttentionInvariants(Suite& suite) {
  for (const int32_t storage : {OUTRIGHT_FLOAT32, OUTRIGHT_BFLOAT16}) {
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

}  // namespace outright::test
