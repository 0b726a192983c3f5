#include "../oracle/rotary.h"

#include "ops.h"

namespace outright::test {

namespace {

struct RotaryShape {
  int64_t T, slots, C, R, period, rotated;
  int64_t max_positions = 64;
  std::string Name() const {
    return Shape(T, slots, C) + " turning " + std::to_string(R) + " of slots " + std::to_string(rotated) +
           "/" + std::to_string(period);
  }
  int64_t Count() const { return T * slots * C; }
};

// Angles position * 10000^(-2i/R), as RoPE has them.
void Tables(const RotaryShape& s, std::vector<double>& cosines, std::vector<double>& sines) {
  for (int64_t position = 0; position < s.max_positions; ++position) {
    for (int64_t i = 0; i < s.R / 2; ++i) {
      const double angle = static_cast<double>(position) *
                           std::pow(10000.0, -2.0 * static_cast<double>(i) / static_cast<double>(s.R));
      cosines.push_back(std::cos(angle));
      sines.push_back(std::sin(angle));
    }
  }
}

void Fill(Case& c, const RotaryShape& s, std::vector<double> x, std::vector<int32_t> positions, Random& r,
          bool inverse, bool accumulate) {
  std::vector<double> cosines;
  std::vector<double> sines;
  Tables(s, cosines, sines);
  c.Input("x", std::move(x));
  c.Input32("cos", std::move(cosines));
  c.Input32("sin", std::move(sines));
  c.Ints("positions", std::move(positions));
  c.Gradient("y", r.Normal(s.Count()), accumulate, {3e-7, 1e-6, 1.0});
  c.HostInput("forward x", r.Normal(s.Count()));
  c.run = [=](const Call& a) {
    return a.api.rotary(a.device, a("x"), a("cos"), a("sin"), a("positions"), a("y"), s.T, s.slots, s.C, s.R,
                        s.period, s.rotated, s.max_positions, inverse, accumulate);
  };
  c.oracle = [=](Values& a) {
    oracle::Rotary(a["x"], a["cos"], a["sin"], a.Ints("positions"), a["y"], s.T, s.slots, s.C, s.R, s.period,
                   s.rotated, inverse, accumulate);
  };
  // Turning back is the backward pass of turning.
  if (inverse) c.derivatives = {{"forward x", "y"}};
  c.objective = [=](Values& a) {
    std::vector<double> y = Zeros(s.Count());
    oracle::Rotary(a["forward x"], a["cos"], a["sin"], a.Ints("positions"), y.data(), s.T, s.slots, s.C, s.R,
                   s.period, s.rotated, false, false);
    return Weigh(a["x"], y);
  };
  c.work = {3.0 * static_cast<double>(s.Count()), c.Bytes(2 * s.Count())};
}

void FillInPlace(Case& c, const RotaryShape& s, Random& r, bool inverse) {
  Fill(c, s, r.Normal(s.Count()), r.Integers(s.T, s.max_positions), r, inverse, false);
  c.arguments.erase(c.arguments.begin());
  c.Find("y").values = c.Stored(r.Normal(s.Count()));
  c.Find("y").role = Role::kInOut;
  c.derivatives.clear();
  c.run = [=](const Call& a) {
    return a.api.rotary(a.device, a("y"), a("cos"), a("sin"), a("positions"), a("y"), s.T, s.slots, s.C, s.R,
                        s.period, s.rotated, s.max_positions, inverse, false);
  };
  c.oracle = [=](Values& a) {
    const std::vector<double> x = a.Find("y").values;
    oracle::Rotary(x.data(), a["cos"], a["sin"], a.Ints("positions"), a["y"], s.T, s.slots, s.C, s.R,
                   s.period, s.rotated, inverse, false);
  };
}

void AddInvalid(Suite& suite) {
  const RotaryShape s{5, 3, 8, 8, 3, 2, 10};
  for (const int32_t position : {-1, 10}) {
    suite.Add("rotary", "of the position " + std::to_string(position), [=](Case& c, Random& r) {
      Fill(c, s, r.Normal(s.Count()), {0, 1, 2, position, 4}, r, false, false);
      c.expected = OUTRIGHT_INVALID;
      c.mention = std::to_string(position);
    });
  }
  const auto refuse = [&](const std::string& name, RotaryShape wrong) {
    suite.Add("rotary", name, [=](Case& c, Random& r) {
      Fill(c, s, r.Normal(s.Count()), {0, 1, 2, 3, 4}, r, false, false);
      c.run = [=](const Call& a) {
        return a.api.rotary(a.device, a("x"), a("cos"), a("sin"), a("positions"), a("y"), wrong.T,
                            wrong.slots, wrong.C, wrong.R, wrong.period, wrong.rotated, wrong.max_positions,
                            0, 0);
      };
      c.expected = OUTRIGHT_INVALID;
      c.mention = "rotary";
    });
  };
  refuse("of an odd R", {5, 3, 8, 7, 3, 2, 10});
  refuse("of R beyond C", {5, 3, 4, 8, 3, 2, 10});
  refuse("of slots that are no multiple of the period", {5, 3, 8, 8, 2, 1, 10});
}

}  // namespace

void AddRotary(Suite& suite) {
  std::vector<RotaryShape> shapes{
      {7, 1, 64, 64, 1, 1},                       // one head, all of it
      {33, 4, 16, 4, 1, 1},                       // partial, as GPT-NeoX's 25%
      {19, 9, 8, 2, 3, 2},                        // fused q, k, v: of three slots two turn
      {5, 5, 123, 62, 5, 3},                      // odd head size
      {12, 6, 10, 10, 2, 1}, {3, 2, 5, 0, 1, 1},  // nothing turns
      {3, 2, 6, 6, 1, 0},                         // no slot turns
      {0, 2, 6, 6, 1, 1},
  };
  if (!suite.quick) shapes.push_back({1000, 12, 64, 16, 3, 2});
  for (const RotaryShape& s : shapes) {
    for (const bool inverse : {false, true}) {
      for (const bool accumulate : {false, true}) {
        suite.Add("rotary", s.Name() + (inverse ? " inverse" : "") + Accumulating(accumulate),
                  [=](Case& c, Random& r) {
                    Fill(c, s, r.Normal(s.Count()), r.Integers(s.T, s.max_positions), r, inverse, accumulate);
                  });
      }
      suite.Add("rotary", s.Name() + (inverse ? " inverse" : "") + " in place",
                [=](Case& c, Random& r) { FillInPlace(c, s, r, inverse); });
    }
  }
  suite.Add("rotary", "of NaN and infinity", [](Case& c, Random& r) {
    const RotaryShape s{5, 2, 8, 4, 1, 1};
    std::vector<double> x = r.Normal(s.Count());
    x[17] = kNaN;
    x[50] = kInfinity;
    Fill(c, s, std::move(x), r.Integers(s.T, s.max_positions), r, false, false);
  });
  AddInvalid(suite);

  const RotaryShape s{40, 6, 20, 10, 3, 2};
  Random random(Hash("rotary rows"));
  const auto x = random.Normal(s.Count());
  const auto positions = random.Integers(s.T, s.max_positions);
  suite.AddFamily("rotary", s.Name(), s.T, {"y"}, [=](Case& c, const std::vector<int64_t>& rows) {
    Random unused(0);
    RotaryShape part = s;
    part.T = static_cast<int64_t>(rows.size());
    Fill(c, part, PickRows(x, s.slots * s.C, rows), PickRows(positions, 1, rows), unused, false, false);
  });
  const RotaryShape large{2048, 36, 64, 16, 3, 2};
  suite.AddPerf("rotary", large.Name(), [=](Case& c, Random& r) {
    Fill(c, large, r.Normal(large.Count()), r.Integers(large.T, large.max_positions), r, false, false);
  });
}

}  // namespace outright::test
