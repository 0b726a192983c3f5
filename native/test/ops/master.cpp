// Float32 masters in two halves: taken apart, put together again, and under AdamW, where they must go through
// the same numbers as float32 parameters.
#include "../oracle/master.h"

#include "../harness/execution.h"
#include "ops.h"

namespace outright::test {

namespace {

constexpr Tolerance kExact{0.0, 0.0, 0.0};
constexpr outright_adamw_settings kSettings{1e-3, 0.9, 0.95, 1e-8, 0.1, 7, 0.5, 1234};

// EveryUpperHalf() without NaN, of which halves keep nothing but that it is one.
std::vector<double> EveryNumber() {
  std::vector<double> values = EveryUpperHalf();
  std::erase_if(values, [](double value) { return std::isnan(value); });
  return values;
}

void FillSplit(Case& c, std::vector<double> x) {
  const auto count = static_cast<int64_t>(x.size());
  c.Input32("x", std::move(x));
  c.Output("w", count, kExact);
  c.Output16("low", count);
  c.run = [=](const Call& a) { return a.api.split_master(a.device, a("x"), a("w"), a("low"), count); };
  c.oracle = [=](Values& a) {
    const std::vector<double>& masters = a.Find("x").values;
    const std::vector<double> w = AsBfloat16(masters);
    for (size_t i = 0; i < w.size(); ++i) a["low"][i] = oracle::Low(masters[i], w[i]);
    a.Find("w").values = w;
  };
  c.work.bytes = 8.0 * static_cast<double>(count);
}

void FillJoin(Case& c, const std::vector<double>& masters) {
  const auto count = static_cast<int64_t>(masters.size());
  const std::vector<double> w = AsBfloat16(masters);
  std::vector<double> low;
  for (size_t i = 0; i < w.size(); ++i) low.push_back(oracle::Low(masters[i], w[i]));
  c.Input("w", w);
  c.Input16("low", low);
  c.Output32("x", count, kExact);
  c.run = [=](const Call& a) { return a.api.join_master(a.device, a("w"), a("low"), a("x"), count); };
  c.oracle = [=](Values& a) {
    for (size_t i = 0; i < w.size(); ++i) a["x"][i] = oracle::Master(w[i], low[i]);
  };
  c.work.bytes = 8.0 * static_cast<double>(count);
}

// Masters in two halves, and put together.
struct Halves {
  std::vector<double> w, low, x;
};

// x taken apart, and put together again.
Halves ThereAndBack(const Device& device, const std::vector<double>& x) {
  const auto count = static_cast<int64_t>(x.size());
  Case c;
  c.storage = OUTRIGHT_BFLOAT16;
  c.Input32("x", x);
  c.Output("w", count);
  c.Output16("low", count);
  c.Output32("back", count);
  c.run = [=](const Call& a) {
    const outright_status status = a.api.split_master(a.device, a("x"), a("w"), a("low"), count);
    return status == OUTRIGHT_OK ? a.api.join_master(a.device, a("w"), a("low"), a("back"), count) : status;
  };
  Execution execution(device, c);
  if (execution.Run() != OUTRIGHT_OK) throw std::runtime_error(device.LastError());
  return {execution.Read("w"), execution.Read("low"), execution.Read("back")};
}

// Nothing is lost but one unit in the last place where rounding went from the middle towards zero.
std::string CheckRoundTrip(const Device& device) {
  const std::vector<double> x = EveryNumber();
  const Halves there = ThereAndBack(device, x);
  for (size_t i = 0; i < x.size(); ++i) {
    const int32_t bits = oracle::Bits(x[i]);
    const bool towards_zero = (bits & 0xffff) == 0x8000 && (bits & 0x10000) == 0;
    if (oracle::Bits(there.x[i]) != bits - (towards_zero ? 1 : 0))
      return "element " + std::to_string(i) + ", " + std::to_string(x[i]) + ", came back as " +
             std::to_string(there.x[i]);
  }
  // and what came back stays from then on
  const Halves again = ThereAndBack(device, there.x);
  if (again.w != there.w || again.low != there.low || again.x != there.x) return "a second time changed it";
  const Halves nan = ThereAndBack(device, std::vector<double>(50, kNaN));
  for (size_t i = 0; i < 50; ++i)
    if (!std::isnan(nan.w[i]) || !std::isnan(nan.x[i])) return "a NaN was lost";
  return "";
}

// AdamW on lists of a float32 parameter, a bfloat16 one with a low and one without.
struct Data {
  std::vector<double> p, g, m, v;
};

void AddTo(Case& c, const std::string& index, const Data& data, bool halves) {
  const int32_t storage = c.storage;
  if (halves) {
    std::vector<double> low;
    const std::vector<double> w = AsBfloat16(data.p);
    for (size_t i = 0; i < w.size(); ++i) low.push_back(oracle::Low(data.p[i], w[i]));
    c.storage = OUTRIGHT_BFLOAT16;
    c.InOut("p" + index, w);
    c.storage = storage;
    c.InOut16("low" + index, low);
  } else {
    c.InOut("p" + index, data.p);
  }
  c.Input32("g" + index, data.g);
  c.InOut32("m" + index, data.m);
  c.InOut32("v" + index, data.v);
}

Data RandomData(Random& r, int64_t count) {
  Data data{r.Normal(count), r.Normal(count), r.Normal(count), r.Normal(count)};
  for (double& value : data.v) value = value * value + 0.01;
  return data;
}

// A float32 parameter and the same one in halves through three updates: the same numbers, rounded.
std::string CheckAdamW(const Device& device) {
  for (const int64_t count : {1, 7, 33, 1000, 70001}) {
    Random r(Hash("adamw in halves") + static_cast<uint64_t>(count));
    Data data = RandomData(r, count);
    // such as both can begin with
    data.p = ThereAndBack(device, AsFloat32(data.p)).x;
    Case c;
    AddTo(c, "0", data, false);
    AddTo(c, "1", data, true);
    c.run = [](const Call& a) -> outright_status {
      outright_adamw_settings settings = kSettings;
      for (int update = 0; update < 3; ++update, ++settings.step) {
        const auto list = [&](const std::string& name) {
          return std::vector{*a(name + "0"), *a(name + "1")};
        };
        const auto p = list("p"), g = list("g"), m = list("m"), v = list("v");
        const std::vector<outright_tensor> lows{{}, *a("low1")};
        const outright_status status =
            a.api.adamw(a.device, p.data(), lows.data(), g.data(), m.data(), v.data(), 2, &settings);
        if (status != OUTRIGHT_OK) return status;
      }
      return OUTRIGHT_OK;
    };
    Execution execution(device, c);
    if (execution.Run() != OUTRIGHT_OK) return device.LastError();
    const std::string memory = execution.CheckMemory();
    if (!memory.empty()) return memory;
    const std::vector<double> whole = execution.Read("p0"), w = execution.Read("p1"),
                              low = execution.Read("low1");
    if (execution.Read("m0") != execution.Read("m1") || execution.Read("v0") != execution.Read("v1"))
      return "other moments";
    int64_t moved = 0;
    for (size_t i = 0; i < whole.size(); ++i) {
      const double master = oracle::Master(w[i], low[i]);
      // halves lose one unit in 2^24 at one number in 2^17, in each of the updates
      if (std::abs(oracle::Bits(master) - oracle::Bits(whole[i])) > 3)
        return "element " + std::to_string(i) + " of " + std::to_string(count) + " became " +
               std::to_string(master) + ", as float32 " + std::to_string(whole[i]);
      moved += master != whole[i] ? 1 : 0;
      if (AsBfloat16({master})[0] != w[i]) return "a weight is not its master, rounded";
    }
    if (moved > count / 1000) return std::to_string(moved) + " masters are not what float32 gives";
  }
  return "";
}

// A weight without a low in a list beside one with it is rounded by chance as in a list without any.
std::string CheckMixedList(const Device& device) {
  Random r(Hash("mixed list"));
  const Data with = RandomData(r, 100), without = RandomData(r, 100);
  Case c;
  c.storage = OUTRIGHT_BFLOAT16;
  AddTo(c, "0", with, true);
  AddTo(c, "1", without, false);
  const auto run = [](const Call& a, bool lows) {
    const auto list = [&](const std::string& name) { return std::vector{*a(name + "0"), *a(name + "1")}; };
    const auto p = list("p"), g = list("g"), m = list("m"), v = list("v");
    const std::vector<outright_tensor> given{*a("low0"), {}};
    return a.api.adamw(a.device, p.data(), lows ? given.data() : nullptr, g.data(), m.data(), v.data(), 2,
                       &kSettings);
  };
  c.run = [=](const Call& a) { return run(a, true); };
  Execution mixed(device, c);
  if (mixed.Run() != OUTRIGHT_OK) return device.LastError();
  const std::string memory = mixed.CheckMemory();
  if (!memory.empty()) return memory;
  c.run = [=](const Call& a) { return run(a, false); };
  Execution alone(device, c);
  if (alone.Run() != OUTRIGHT_OK) return device.LastError();
  if (mixed.Read("p1") != alone.Read("p1")) return "the weight without a low is another";
  return mixed.Read("p0") == alone.Read("p0") ? "the low was not used" : "";
}

void AddAdamW(Suite& suite) {
  suite.checks.push_back({"adamw", "masters in halves go through float32's numbers", CheckAdamW});
  suite.checks.push_back({"adamw", "with and without a low in one list", CheckMixedList});
  const auto fill = [](Case& c, Random& r, int64_t count) {
    AddTo(c, "0", RandomData(r, count), true);
    c.argument_checks = false;
    c.run = [](const Call& a) {
      return a.api.adamw(a.device, a("p0"), a("low0"), a("g0"), a("m0"), a("v0"), 1, &kSettings);
    };
    c.work = {15.0 * static_cast<double>(count), 28.0 * static_cast<double>(count)};
  };
  const auto refuse = [&](const std::string& name, const std::function<void(Case&)>& spoil) {
    suite.AddIn(OUTRIGHT_BFLOAT16, "adamw", name, [=](Case& c, Random& r) {
      fill(c, r, 5);
      spoil(c);
      c.expected = OUTRIGHT_INVALID;
      c.mention = "low";
    });
  };
  refuse("a low of a float32 parameter", [](Case& c) { c.Find("p0").dtype = OUTRIGHT_FLOAT32; });
  refuse("a shorter low", [](Case& c) { c.Find("low0").values.pop_back(); });
  refuse("a float32 low", [](Case& c) { c.Find("low0").dtype = OUTRIGHT_FLOAT32; });
  suite.AddPerfIn(OUTRIGHT_BFLOAT16, "adamw", "8M with lows",
                  [=](Case& c, Random& r) { fill(c, r, 1 << 23); });
}

}  // namespace

void AddMaster(Suite& suite) {
  for (const int64_t count : {7, 0, 1, 16, 31, 1000, 70001}) {
    suite.AddIn(OUTRIGHT_BFLOAT16, "split_master", std::to_string(count),
                [=](Case& c, Random& r) { FillSplit(c, r.Normal(count)); });
    suite.AddIn(OUTRIGHT_BFLOAT16, "join_master", std::to_string(count),
                [=](Case& c, Random& r) { FillJoin(c, AsFloat32(r.Normal(count))); });
  }
  suite.AddIn(OUTRIGHT_BFLOAT16, "split_master", "every upper half",
              [](Case& c, Random&) { FillSplit(c, EveryNumber()); });
  suite.AddIn(OUTRIGHT_BFLOAT16, "join_master", "every upper half",
              [](Case& c, Random&) { FillJoin(c, EveryNumber()); });
  suite.AddPerfIn(OUTRIGHT_BFLOAT16, "split_master", "8M",
                  [](Case& c, Random& r) { FillSplit(c, r.Normal(1 << 23)); });
  suite.AddPerfIn(OUTRIGHT_BFLOAT16, "join_master", "8M",
                  [](Case& c, Random& r) { FillJoin(c, AsFloat32(r.Normal(1 << 23))); });
  suite.checks.push_back({"join_master", "undoes split_master", CheckRoundTrip});
  AddAdamW(suite);
}

}  // namespace outright::test
