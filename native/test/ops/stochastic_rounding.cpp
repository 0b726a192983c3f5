// AdamW on bfloat16 parameters without masters: each new value becomes one of its two bfloat16 neighbours, by
// chance, so that the mean is the value. What float32 parameters become is the value to be rounded: both go
// through the same arithmetic.
#include <cstdio>

#include "../harness/execution.h"
#include "ops.h"

namespace outright::test {

namespace {

struct Draw {
  uint64_t seed = 42;
  int64_t step = 10;
  int64_t tensor = 0;  // its index in the list; those before it have one element
  double weight_decay = 0.0;
};

struct Data {
  std::vector<double> p, g, m, v;
};

// New parameters of the given dtype.
std::vector<double> Update(const Device& device, int32_t dtype, const Data& data, const Draw& draw) {
  Case c;
  c.storage = dtype;
  c.InOut("p", data.p);
  c.Input32("g", data.g);
  c.InOut32("m", data.m);
  c.InOut32("v", data.v);
  c.InOut("small p", {1.0});
  c.Input32("small g", {1.0});
  c.InOut32("small m", {1.0});
  c.InOut32("small v", {1.0});
  c.run = [=](const Call& a) {
    const outright_adamw_settings settings{1e-3,      0.9, 0.95,     1e-8, draw.weight_decay,
                                           draw.step, 1.0, draw.seed};
    const auto list = [&](const std::string& name) {
      std::vector<outright_tensor> tensors(static_cast<size_t>(draw.tensor), *a("small " + name));
      tensors.push_back(*a(name));
      return tensors;
    };
    const auto p = list("p"), g = list("g"), m = list("m"), v = list("v");
    return a.api.adamw(a.device, p.data(), nullptr, g.data(), m.data(), v.data(), draw.tensor + 1, &settings);
  };
  Execution execution(device, c);
  if (execution.Run() != OUTRIGHT_OK) throw std::runtime_error(device.LastError());
  const std::string memory = execution.CheckMemory();
  if (!memory.empty()) throw std::runtime_error(memory);
  return execution.Read("p");
}

Data RandomData(int64_t count) {
  Random r(Hash("stochastic rounding"));
  Data data{AsBfloat16(r.Normal(count)), r.Normal(count), r.Normal(count), r.Normal(count)};
  for (double& value : data.v) value = value * value + 0.01;
  return data;
}

// The bfloat16 numbers on both sides of a float32 one; both are the number itself where it is one.
struct Neighbours {
  double low, high;
};
Neighbours Around(double value) {
  int exponent = 0;
  std::frexp(value, &exponent);
  const double unit = std::ldexp(1.0, std::max(exponent - 8, -133));
  return {std::floor(value / unit) * unit, std::ceil(value / unit) * unit};
}

std::string CheckMean(const Device& device) {
  constexpr int64_t kCount = 300000;
  const Data data = RandomData(kCount);
  for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, uint64_t{2}, ~uint64_t{0}}) {
    const Draw draw{.seed = seed};
    const std::vector<double> exact = Update(device, OUTRIGHT_FLOAT32, data, draw);
    const std::vector<double> got = Update(device, OUTRIGHT_BFLOAT16, data, draw);
    double drift = 0.0, variance = 0.0;  // in units of the last place
    for (size_t i = 0; i < exact.size(); ++i) {
      const auto [low, high] = Around(exact[i]);
      if (got[i] != low && got[i] != high)
        return "element " + std::to_string(i) + " became " + std::to_string(got[i]) + ", no neighbour of " +
               std::to_string(exact[i]);
      if (low == high) continue;
      const double share = (exact[i] - low) / (high - low);
      drift += (got[i] - exact[i]) / (high - low);
      variance += share * (1.0 - share);
    }
    const double deviations = std::fabs(drift) / std::sqrt(variance);
    if (variance < 0.1 * static_cast<double>(kCount)) return "hardly any value needed rounding";
    if (deviations > 5.0) {
      char text[100];
      std::snprintf(text, sizeof text, "the mean is off by %.1f deviations (seed %llu)", deviations,
                    static_cast<unsigned long long>(seed));
      return text;
    }
  }
  return "";
}

// The bits are a function of (seed, step, index of the tensor, index of the element) and nothing else.
std::string CheckBits(const Device& device) {
  constexpr int64_t kCount = 70001;
  const Data data = RandomData(kCount);
  const std::vector<double> first = Update(device, OUTRIGHT_BFLOAT16, data, {});
  for (const int threads : {1, 2, 3}) {
    const Device other(device.api(), threads);
    if (Update(other, OUTRIGHT_BFLOAT16, data, {}) != first)
      return "other bits with " + std::to_string(threads) + " threads";
  }
  for (const int64_t count : {1, 37, 16384, 50000}) {
    Data part = data;
    for (std::vector<double>* values : {&part.p, &part.g, &part.m, &part.v})
      values->resize(static_cast<size_t>(count));
    const std::vector<double> shorter = Update(device, OUTRIGHT_BFLOAT16, part, {});
    if (!std::equal(shorter.begin(), shorter.end(), first.begin()))
      return "other bits for the first " + std::to_string(count) + " elements";
  }
  // Of the elements that lie between two numbers, two independent draws send some to different ones.
  const auto differing = [&](const Draw& draw) {
    const std::vector<double> other = Update(device, OUTRIGHT_BFLOAT16, data, draw);
    int64_t count = 0;
    for (size_t i = 0; i < first.size(); ++i) count += other[i] != first[i] ? 1 : 0;
    return count;
  };
  if (differing({.seed = 43}) < kCount / 10) return "another seed draws nearly the same";
  if (differing({.tensor = 1}) < kCount / 10) return "another tensor draws nearly the same";
  // Another step has another step size too; large ones have the same to float32.
  const std::vector<double> late = Update(device, OUTRIGHT_BFLOAT16, data, {.step = 100000});
  const std::vector<double> later = Update(device, OUTRIGHT_BFLOAT16, data, {.step = 100001});
  int64_t count = 0;
  for (size_t i = 0; i < late.size(); ++i) count += late[i] != later[i] ? 1 : 0;
  return count < kCount / 10 ? "another step draws nearly the same" : "";
}

// NaN and infinity stay; between the largest bfloat16 and the end of float32 it is that number or infinity.
std::string CheckExtremes(const Device& device) {
  constexpr int64_t kCount = 4000;
  constexpr double kLargest = 0x1.fep127;
  Data data{Filled(kCount, kLargest), Zeros(kCount), Zeros(kCount), Filled(kCount, 1.0)};
  data.p[1] = kInfinity;
  data.p[2] = -kInfinity;
  data.p[3] = kNaN;
  data.g[4] = kNaN;
  const Draw draw{.weight_decay = -1.9};  // grows by 1.9e-3, half the way to 2^128
  const std::vector<double> exact = Update(device, OUTRIGHT_FLOAT32, data, draw);
  const std::vector<double> got = Update(device, OUTRIGHT_BFLOAT16, data, draw);
  if (!(exact[0] > kLargest && std::isfinite(exact[0]))) return "the test itself: float32 left its range";
  if (got[1] != kInfinity || got[2] != -kInfinity) return "an infinite parameter did not stay";
  if (!std::isnan(got[3]) || !std::isnan(got[4])) return "a NaN was lost";
  int64_t largest = 0, infinite = 0;
  for (size_t i = 5; i < got.size(); ++i) {
    largest += got[i] == kLargest ? 1 : 0;
    infinite += got[i] == kInfinity ? 1 : 0;
  }
  if (largest + infinite != kCount - 5) return "beyond the largest number there is neither it nor infinity";
  if (largest < kCount / 4 || infinite < kCount / 4)
    return std::to_string(infinite) + " of " + std::to_string(kCount - 5) + " became infinite";
  return "";
}

}  // namespace

void AddStochasticRounding(Suite& suite) {
  suite.checks.push_back({"adamw", "stochastic rounding keeps the mean", CheckMean});
  suite.checks.push_back({"adamw", "stochastic rounding of NaN, infinity and overflow", CheckExtremes});
  suite.invariants.push_back(
      {"adamw", "stochastic rounding draws by seed, step, tensor, element", CheckBits});
}

}  // namespace outright::test
