#include <cstdio>

#include "../harness/execution.h"
#include "ops.h"

namespace outright::test {

namespace {

struct Draw {
  double p;
  uint64_t seed;
  bool accumulate = false;
};

void Fill(Case& c, const Draw& draw, std::vector<double> x, std::vector<double> y) {
  const auto count = static_cast<int64_t>(x.size());
  c.Input("x", std::move(x));
  c.Gradient("y", std::move(y), draw.accumulate, {1e-7, 2e-7, 1.0});
  c.run = [=](const Call& a) {
    return a.api.dropout(a.device, a("x"), a("y"), count, draw.p, draw.seed, draw.accumulate);
  };
  c.work = {2.0 * static_cast<double>(count), c.Bytes(2 * count)};
}

// Without dropping it is a copy or a sum: the one case whose result the seed does not decide.
void FillKeepingAll(Case& c, int64_t count, Random& r, bool accumulate) {
  Fill(c, {0.0, 5, accumulate}, r.Normal(count), r.Normal(count));
  c.oracle = [=](Values& a) {
    for (int64_t i = 0; i < count; ++i) a["y"][i] = (accumulate ? a["y"][i] : 0.0) + a["x"][i];
  };
}

std::vector<double> Run(const Device& device, const Case& c) {
  Execution execution(device, c);
  if (execution.Run() != OUTRIGHT_OK) throw std::runtime_error(device.LastError());
  return execution.Read("y");
}

Case Make(int32_t storage, const Draw& draw, std::vector<double> x, std::vector<double> y = {}) {
  Case c;
  c.storage = storage;
  if (y.empty()) y = x;
  Fill(c, draw, std::move(x), std::move(y));
  return c;
}

// Which of `count` ones are kept.
std::vector<bool> Mask(const Device& device, int32_t storage, int64_t count, const Draw& draw) {
  std::vector<bool> kept;
  for (const double value : Run(device, Make(storage, draw, Filled(count, 1.0))))
    kept.push_back(value != 0.0);
  return kept;
}

// "" when `hits` of `count` independent events of probability p are within five deviations of what is
// expected.
std::string Frequency(const std::string& what, double hits, double count, double p) {
  const double deviations = std::fabs(hits - count * p) / std::sqrt(count * p * (1.0 - p));
  if (deviations <= 5.0) return "";
  char text[160];
  std::snprintf(text, sizeof text, ": %.0f of %.0f, expected %.0f: %.1f deviations away", hits, count,
                count * p, deviations);
  return what + text;
}

std::string CheckStatistics(const Device& device, int32_t storage) {
  constexpr int64_t kCount = 200000;
  for (const double p : {0.1, 0.5, 0.9}) {
    for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, ~uint64_t{0}}) {
      const std::vector<bool> mask = Mask(device, storage, kCount, {p, seed});
      const std::vector<bool> other = Mask(device, storage, kCount, {p, seed + 1});
      double dropped = 0.0, neighbours = 0.0, far = 0.0, both = 0.0;
      for (size_t i = 0; i < mask.size(); ++i) {
        dropped += mask[i] ? 0.0 : 1.0;
        neighbours += !mask[i] && !mask[(i + 1) % mask.size()] ? 1.0 : 0.0;
        far += !mask[i] && !mask[(i + 4096) % mask.size()] ? 1.0 : 0.0;
        both += !mask[i] && !other[i] ? 1.0 : 0.0;
      }
      const double count = static_cast<double>(kCount);
      for (const std::string& wrong : {Frequency("dropped", dropped, count, p),
                                       Frequency("dropped with its neighbour", neighbours, count, p * p),
                                       Frequency("dropped with element + 4096", far, count, p * p),
                                       Frequency("dropped by the next seed too", both, count, p * p)}) {
        if (!wrong.empty()) return wrong;
      }
    }
  }
  return "";
}

// The backward pass is the same call on the gradient: it must drop and scale the same elements. Kept ones are
// x / (1 - p), added to what is there when accumulating.
std::string CheckValues(const Device& device, int32_t storage) {
  for (const int64_t count : {1, 31, 1000, 40000}) {
    const Draw draw{0.3, 77};
    const std::vector<bool> mask = Mask(device, storage, count, draw);
    Random random(static_cast<uint64_t>(count));
    for (const bool accumulate : {false, true}) {
      const Case c =
          Make(storage, {draw.p, draw.seed, accumulate}, random.Normal(count), random.Normal(count));
      Case expected = c;
      expected.oracle = [&](Values& a) {
        for (size_t i = 0; i < mask.size(); ++i)
          a["y"][i] = (accumulate ? a["y"][i] : 0.0) + (mask[i] ? a["x"][i] / (1.0 - draw.p) : 0.0);
      };
      Values values(expected.arguments);
      expected.oracle(values);
      const std::vector<double> got = Run(device, c);
      const double allowed = storage == OUTRIGHT_BFLOAT16 ? kBfloat16Rounding + 3e-7 : 3e-7;
      for (size_t i = 0; i < got.size(); ++i) {
        const double want = values["y"][i];
        if (std::fabs(got[i] - want) > allowed * std::fabs(want) + (accumulate ? 1e-6 : 0.0))
          return "element " + std::to_string(i) + " of " + std::to_string(count) + " is " +
                 std::to_string(got[i]) + ", expected " + std::to_string(want);
      }
    }
  }
  return "";
}

// A function of (seed, i) alone: whatever the threads, the length, the alignment and the buffer.
std::string CheckSameMask(const Device& device, int32_t storage) {
  constexpr int64_t kCount = 70001;
  const Draw draw{0.4, 3};
  const std::vector<bool> mask = Mask(device, storage, kCount, draw);
  for (const int threads : {1, 2, 3}) {
    const Device other(device.api(), threads);
    if (Mask(other, storage, kCount, draw) != mask)
      return "another mask with " + std::to_string(threads) + " threads";
  }
  for (const int64_t count : {int64_t{1}, int64_t{37}, int64_t{16384}, int64_t{50000}}) {
    const std::vector<bool> shorter = Mask(device, storage, count, draw);
    if (!std::equal(shorter.begin(), shorter.end(), mask.begin()))
      return "another mask for the first " + std::to_string(count) + " elements";
  }
  Case c = Make(storage, draw, Filled(kCount, 1.0));
  c.arguments.erase(c.arguments.begin());
  c.Find("y").role = Role::kInOut;
  c.Find("y").values = Filled(kCount, 1.0);
  c.run = [=](const Call& a) {
    return a.api.dropout(a.device, a("y"), a("y"), kCount, draw.p, draw.seed, 0);
  };
  const std::vector<double> in_place = Run(device, c);
  for (size_t i = 0; i < mask.size(); ++i)
    if ((in_place[i] != 0.0) != mask[i]) return "another mask in place";
  return "";
}

}  // namespace

void AddDropout(Suite& suite) {
  for (const int64_t count : {7, 0, 1, 31, 1000}) {
    for (const bool accumulate : {false, true}) {
      suite.Add("dropout", "nothing of " + std::to_string(count) + Accumulating(accumulate),
                [=](Case& c, Random& r) { FillKeepingAll(c, count, r, accumulate); });
    }
  }
  for (const double p : {1.0, -0.1, 1.5, kNaN}) {
    suite.Add("dropout", "p = " + std::to_string(p), [=](Case& c, Random& r) {
      Fill(c, {p, 5}, r.Normal(9), r.Normal(9));
      c.expected = OUTRIGHT_INVALID;
      c.mention = "p is";
    });
  }
  for (const int32_t storage : {OUTRIGHT_FLOAT32, OUTRIGHT_BFLOAT16}) {
    const std::string in = std::string(" in ") + DtypeName(storage);
    suite.checks.push_back(
        {"dropout", "frequencies" + in, [=](Device& d) { return CheckStatistics(d, storage); }});
    suite.checks.push_back(
        {"dropout", "values and the backward pass" + in, [=](Device& d) { return CheckValues(d, storage); }});
    suite.invariants.push_back(
        {"dropout", "one mask" + in, [=](Device& d) { return CheckSameMask(d, storage); }});
  }
  constexpr int64_t large = 1 << 23;
  suite.AddPerf("dropout", "8M", [=](Case& c, Random& r) {
    Fill(c, {0.1, 5}, r.Normal(large), r.Normal(large));
  });
}

}  // namespace outright::test
