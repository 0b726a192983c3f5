#include "../oracle/activation.h"

#include "ops.h"

namespace outright::test {

namespace {

// Activations as they occur, with the regions in which approximations switch, and huge ones at the end.
std::vector<double> Preactivations(int64_t count, Random& r) {
  std::vector<double> x = r.Normal(count, 3.0);
  const std::vector<double> edges{0.0,  -0.0,  1e-8, -1e-8, 1e-30, -4.0,  5.0,   -9.0, 12.0, -20.0,
                                  30.0, -60.0, 80.0, -87.5, 88.5,  -90.0, 104.0, -1e4, 1e4};
  for (size_t i = 0; i < edges.size() && i < x.size() / 2; ++i) x[x.size() - 1 - i] = edges[i];
  return x;
}

constexpr Tolerance kElement{2.5e-7, 2.5e-6, 1.0};
constexpr double kSlopeLimit = 50.0;  // |x| beyond which finite differences see a straight line anyway

void FillSilu(Case& c, int64_t count, std::vector<double> gate, std::vector<double> up) {
  c.Input("gate", std::move(gate));
  c.Input("up", std::move(up));
  c.Output("y", count, kElement);
  c.run = [=](const Call& a) { return a.api.silu_gate(a.device, a("gate"), a("up"), a("y"), count); };
  c.oracle = [=](Values& a) { oracle::SiluGate(a["gate"], a["up"], a["y"], count); };
  c.work = {6.0 * static_cast<double>(count), c.Bytes(3 * count)};
}

void FillSiluBackward(Case& c, int64_t count, std::vector<double> dy, std::vector<double> gate, Random& r,
                      bool accumulate) {
  c.Input("dy", std::move(dy));
  c.Input("gate", std::move(gate));
  c.Input("up", r.Normal(count));
  c.Gradient("dgate", r.Normal(count), accumulate, kElement);
  c.Gradient("dup", r.Normal(count), accumulate, kElement);
  c.run = [=](const Call& a) {
    return a.api.silu_gate_backward(a.device, a("dy"), a("gate"), a("up"), a("dgate"), a("dup"), count,
                                    accumulate);
  };
  c.oracle = [=](Values& a) {
    oracle::SiluGateBackward(a["dy"], a["gate"], a["up"], a["dgate"], a["dup"], count, accumulate);
  };
  c.derivatives = {{"gate", "dgate"}, {"up", "dup"}};
  c.objective = [=](Values& a) {
    std::vector<double> y = Zeros(count);
    oracle::SiluGate(a["gate"], a["up"], y.data(), count);
    return Weigh(a["dy"], y);
  };
  c.work = {14.0 * static_cast<double>(count), c.Bytes(5 * count)};
}

void FillGelu(Case& c, int64_t count, std::vector<double> x, bool tanh) {
  c.Input("x", std::move(x));
  c.Output("y", count, kElement);
  c.run = [=](const Call& a) { return a.api.gelu(a.device, a("x"), a("y"), count, tanh); };
  c.oracle = [=](Values& a) { oracle::Gelu(a["x"], a["y"], count, tanh); };
  c.work = {10.0 * static_cast<double>(count), c.Bytes(2 * count)};
}

void FillGeluBackward(Case& c, int64_t count, std::vector<double> dy, std::vector<double> x, Random& r,
                      bool tanh, bool accumulate) {
  c.Input("dy", std::move(dy));
  c.Input("x", std::move(x));
  c.Gradient("dx", r.Normal(count), accumulate, kElement);
  c.run = [=](const Call& a) {
    return a.api.gelu_backward(a.device, a("dy"), a("x"), a("dx"), count, tanh, accumulate);
  };
  c.oracle = [=](Values& a) { oracle::GeluBackward(a["dy"], a["x"], a["dx"], count, tanh, accumulate); };
  c.derivatives = {{"x", "dx"}};
  c.objective = [=](Values& a) {
    std::vector<double> y = Zeros(count);
    oracle::Gelu(a["x"], y.data(), count, tanh);
    return Weigh(a["dy"], y);
  };
  c.work = {16.0 * static_cast<double>(count), c.Bytes(3 * count)};
}

// Huge values make the objective so large that its differences lose their digits.
void OnlyModerate(Case& c, const std::string& input) {
  for (double& value : c.Find(input).values) {
    if (std::fabs(value) > kSlopeLimit) value = std::copysign(1.0, value);
  }
}

void AddCount(Suite& suite, int64_t count) {
  const std::string name = std::to_string(count);
  suite.Add("silu_gate", name,
            [=](Case& c, Random& r) { FillSilu(c, count, Preactivations(count, r), r.Normal(count)); });
  for (const bool accumulate : {false, true}) {
    suite.Add("silu_gate_backward", name + Accumulating(accumulate), [=](Case& c, Random& r) {
      FillSiluBackward(c, count, r.Normal(count), Preactivations(count, r), r, accumulate);
      OnlyModerate(c, "gate");
    });
  }
  for (const bool tanh : {false, true}) {
    const std::string kind = tanh ? " tanh" : " exact";
    suite.Add("gelu", name + kind,
              [=](Case& c, Random& r) { FillGelu(c, count, Preactivations(count, r), tanh); });
    for (const bool accumulate : {false, true}) {
      suite.Add("gelu_backward", name + kind + Accumulating(accumulate), [=](Case& c, Random& r) {
        FillGeluBackward(c, count, r.Normal(count), Preactivations(count, r), r, tanh, accumulate);
        OnlyModerate(c, "x");
      });
    }
  }
  suite.Add("add", name, [=](Case& c, Random& r) {
    c.Input("a", r.Normal(count));
    c.Input("b", r.Normal(count));
    c.Output("y", count, {1e-7, 1e-7, 1.0});
    c.run = [=](const Call& a) { return a.api.add(a.device, a("a"), a("b"), a("y"), count); };
    c.oracle = [=](Values& a) { oracle::Add(a["a"], a["b"], a["y"], count); };
  });
  suite.Add("scale", name, [=](Case& c, Random& r) {
    c.InOut("x", r.Normal(count), {2e-7, 2e-7, 0.0});
    c.run = [=](const Call& a) { return a.api.scale(a.device, a("x"), -0.3, count); };
    c.oracle = [=](Values& a) { oracle::Scale(a["x"], -0.3, count); };
  });
}

void AddInPlace(Suite& suite) {
  constexpr int64_t count = 133;
  for (const std::string first : {"a", "b"}) {
    suite.Add("add", "in place of " + first, [=](Case& c, Random& r) {
      c.InOut(first, r.Normal(count), {1e-7, 1e-7, 1.0});
      c.Input("other", r.Normal(count));
      c.run = [=](const Call& a) {
        return first == "a" ? a.api.add(a.device, a("a"), a("other"), a("a"), count)
                            : a.api.add(a.device, a("other"), a("b"), a("b"), count);
      };
      c.oracle = [=](Values& a) { oracle::Add(a[first], a["other"], a[first], count); };
    });
    suite.Add("silu_gate", std::string("in place of ") + (first == "a" ? "gate" : "up"),
              [=](Case& c, Random& r) {
                c.InOut(first, r.Normal(count), kElement);
                c.Input("other", r.Normal(count));
                c.run = [=](const Call& a) {
                  return first == "a" ? a.api.silu_gate(a.device, a("a"), a("other"), a("a"), count)
                                      : a.api.silu_gate(a.device, a("other"), a("b"), a("b"), count);
                };
                c.oracle = [=](Values& a) {
                  if (first == "a") oracle::SiluGate(a["a"], a["other"], a["a"], count);
                  if (first == "b") oracle::SiluGate(a["other"], a["b"], a["b"], count);
                };
              });
  }
  suite.Add("gelu", "in place", [=](Case& c, Random& r) {
    c.InOut("x", r.Normal(count), kElement);
    c.run = [=](const Call& a) { return a.api.gelu(a.device, a("x"), a("x"), count, 0); };
    c.oracle = [=](Values& a) { oracle::Gelu(a["x"], a["x"], count, false); };
  });
}

void AddSpecialValues(Suite& suite) {
  constexpr int64_t count = 70;
  const auto spoiled = [=](Random& r) {
    std::vector<double> x = r.Normal(count);
    x[3] = kNaN;
    x[31] = kInfinity;
    x[69] = kNaN;
    return x;
  };
  suite.Add("silu_gate", "of NaN and infinity",
            [=](Case& c, Random& r) { FillSilu(c, count, spoiled(r), r.Normal(count)); });
  suite.Add("silu_gate_backward", "of NaN and infinity in dy", [=](Case& c, Random& r) {
    FillSiluBackward(c, count, spoiled(r), r.Normal(count), r, true);
    c.derivatives.clear();
  });
  suite.Add("silu_gate_backward", "of +-1e4", [=](Case& c, Random& r) {
    FillSiluBackward(c, count, r.Normal(count), r.Normal(count, 1e4), r, false);
    c.derivatives.clear();
  });
  suite.Add("silu_gate_backward", "of dy = 0", [=](Case& c, Random& r) {
    FillSiluBackward(c, count, Zeros(count), r.Normal(count, 30.0), r, false);
    c.Find("dgate").tolerance = c.Find("dup").tolerance = {0.0, 0.0, 0.0};
  });
  for (const bool tanh : {false, true}) {
    const std::string kind = tanh ? " tanh" : " exact";
    suite.Add("gelu", "of NaN and infinity" + kind,
              [=](Case& c, Random& r) { FillGelu(c, count, spoiled(r), tanh); });
    suite.Add("gelu_backward", "of NaN and infinity in dy" + kind, [=](Case& c, Random& r) {
      FillGeluBackward(c, count, spoiled(r), r.Normal(count), r, tanh, true);
      c.derivatives.clear();
    });
    suite.Add("gelu_backward", "of +-1e4" + kind, [=](Case& c, Random& r) {
      FillGeluBackward(c, count, r.Normal(count), r.Normal(count, 1e4), r, tanh, false);
      c.derivatives.clear();
    });
    suite.Add("gelu_backward", "of dy = 0" + kind, [=](Case& c, Random& r) {
      FillGeluBackward(c, count, Zeros(count), r.Normal(count, 30.0), r, tanh, false);
      c.Find("dx").tolerance = {0.0, 0.0, 0.0};
    });
  }
}

}  // namespace

void AddActivation(Suite& suite) {
  for (const int64_t count : {7, 0, 1, 31, 128, 1000}) AddCount(suite, count);
  if (!suite.quick) AddCount(suite, 70001);
  AddInPlace(suite);
  AddSpecialValues(suite);

  constexpr int64_t large = 1024 * 2048;
  suite.AddPerf("silu_gate", "2M",
                [=](Case& c, Random& r) { FillSilu(c, large, r.Normal(large), r.Normal(large)); });
  suite.AddPerf("silu_gate_backward", "2M", [=](Case& c, Random& r) {
    FillSiluBackward(c, large, r.Normal(large), r.Normal(large), r, false);
  });
  for (const bool tanh : {false, true}) {
    suite.AddPerf("gelu", tanh ? "2M tanh" : "2M exact",
                  [=](Case& c, Random& r) { FillGelu(c, large, r.Normal(large), tanh); });
    suite.AddPerf("gelu_backward", tanh ? "2M tanh" : "2M exact", [=](Case& c, Random& r) {
      FillGeluBackward(c, large, r.Normal(large), r.Normal(large), r, tanh, false);
    });
  }
  suite.AddPerf("add", "2M", [=](Case& c, Random& r) {
    c.Input("a", r.Normal(large));
    c.Input("b", r.Normal(large));
    c.Output("y", large);
    c.run = [=](const Call& a) { return a.api.add(a.device, a("a"), a("b"), a("y"), large); };
    c.work = {static_cast<double>(large), c.Bytes(3 * large)};
  });
}

}  // namespace outright::test
