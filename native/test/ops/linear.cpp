#include "../oracle/linear.h"

#include "../oracle/activation.h"
#include "ops.h"

namespace outright::test {

namespace {

struct LinearShape {
  int64_t M, N, K;
  std::string Name() const { return Shape(M, N, K); }
  double Flops() const { return 2.0 * static_cast<double>(M * N) * static_cast<double>(K); }
  int64_t Elements() const { return M * K + N * K + M * N; }
};

// Sums of `terms` products of unit-size numbers.
Tolerance SumTolerance(int64_t terms) { return {8e-7, 8e-6, Root(terms)}; }

void FillForward(Case& c, const LinearShape& s, std::vector<double> x, std::vector<double> w,
                 std::vector<double> b, bool bias) {
  c.Input("x", std::move(x));
  c.Input("w", std::move(w));
  c.Input("b", std::move(b)).absent = !bias;
  c.Output("y", s.M * s.N, SumTolerance(s.K));
  c.run = [s](const Call& a) {
    return a.api.linear(a.device, a("x"), a("w"), a("b"), a("r"), a("y"), s.M, s.N, s.K);
  };
  c.oracle = [s](Values& a) { oracle::Linear(a["x"], a["w"], a["b"], a["y"], s.M, s.N, s.K); };
  c.work = {s.Flops(), c.Bytes(s.Elements())};
}

// What the output is added to: a tensor of its own, or the output itself.
void AddResidual(Case& c, const LinearShape& s, std::vector<double> r, bool in_place) {
  if (in_place) {
    Argument& y = c.Find("y");
    y.role = Role::kInOut;
    y.values = c.Stored(std::move(r));
    c.run = [s](const Call& a) {
      return a.api.linear(a.device, a("x"), a("w"), a("b"), a("y"), a("y"), s.M, s.N, s.K);
    };
  } else {
    c.Input("r", std::move(r));
  }
  c.oracle = [s, in_place](Values& a) {
    const std::vector<double> residual = a.Find(in_place ? "y" : "r").values;
    oracle::Linear(a["x"], a["w"], a["b"], a["y"], s.M, s.N, s.K);
    for (size_t i = 0; i < residual.size(); ++i) a["y"][i] += residual[i];
  };
}

void FillGelu(Case& c, const LinearShape& s, Random& r, bool bias, bool tanh) {
  c.Input("x", r.Normal(s.M * s.K));
  c.Input("w", r.Normal(s.N * s.K, 1.0 / Root(s.K)));
  c.Input("b", r.Normal(s.N)).absent = !bias;
  c.Output("u", s.M * s.N, {8e-7, 8e-6, 1.0});
  c.Output("y", s.M * s.N, WithRoundedFactors(c, {8e-7, 8e-6, 1.0}));  // of u, or of u rounded
  c.run = [=](const Call& a) {
    return a.api.linear_gelu(a.device, a("x"), a("w"), a("b"), a("u"), a("y"), s.M, s.N, s.K, tanh);
  };
  c.oracle = [=](Values& a) {
    oracle::Linear(a["x"], a["w"], a["b"], a["u"], s.M, s.N, s.K);
    oracle::Gelu(a["u"], a["y"], s.M * s.N, tanh);
  };
  c.work = {s.Flops(), c.Bytes(s.Elements() + s.M * s.N)};
}

void FillBackwardInput(Case& c, const LinearShape& s, std::vector<double> dy, std::vector<double> w,
                       Random& random, bool accumulate) {
  c.Input("dy", std::move(dy));
  c.Input("w", std::move(w));
  c.Gradient("dx", random.Normal(s.M * s.K), accumulate, SumTolerance(s.N));
  c.HostInput("x", random.Normal(s.M * s.K));
  c.run = [s, accumulate](const Call& a) {
    return a.api.linear_backward_input(a.device, a("dy"), a("w"), a("dx"), s.M, s.N, s.K, accumulate);
  };
  c.oracle = [s, accumulate](Values& a) {
    oracle::LinearBackwardInput(a["dy"], a["w"], a["dx"], s.M, s.N, s.K, accumulate);
  };
  if (s.M * s.N * s.K <= 200000) c.derivatives = {{"x", "dx"}};
  c.objective = [s](Values& a) {
    std::vector<double> y = Zeros(s.M * s.N);
    oracle::Linear(a["x"], a["w"], nullptr, y.data(), s.M, s.N, s.K);
    return Weigh(a["dy"], y);
  };
  c.work = {s.Flops(), c.Bytes(s.Elements())};
}

void FillBackwardWeight(Case& c, const LinearShape& s, std::vector<double> dy, std::vector<double> x,
                        Random& random, bool bias) {
  c.Input("dy", std::move(dy));
  c.Input("x", std::move(x));
  c.InOut32("dw", random.Normal(s.N * s.K), SumTolerance(s.M));
  c.InOut32("db", random.Normal(s.N), SumTolerance(s.M)).absent = !bias;
  c.HostInput("w", random.Normal(s.N * s.K));
  c.HostInput("b", random.Normal(s.N));
  c.run = [s](const Call& a) {
    return a.api.linear_backward_weight(a.device, a("dy"), a("x"), a("dw"), a("db"), s.M, s.N, s.K);
  };
  c.oracle = [s](Values& a) {
    oracle::LinearBackwardWeight(a["dy"], a["x"], a["dw"], a["db"], s.M, s.N, s.K);
  };
  if (s.M * s.N * s.K <= 200000) {
    c.derivatives = {{"w", "dw"}};
    if (bias) c.derivatives.push_back({"b", "db"});
  }
  c.objective = [s](Values& a) {
    std::vector<double> y = Zeros(s.M * s.N);
    oracle::Linear(a["x"], a["w"], a["b"], y.data(), s.M, s.N, s.K);
    return Weigh(a["dy"], y);
  };
  c.work = {s.Flops(), c.Bytes(s.M * (s.N + s.K)) + 8.0 * static_cast<double>(s.N * s.K)};
}

void AddShape(Suite& suite, const LinearShape& s, bool bias) {
  suite.Add("linear", s.Name() + (bias ? " bias" : ""), [=](Case& c, Random& r) {
    FillForward(c, s, r.Normal(s.M * s.K), r.Normal(s.N * s.K), r.Normal(s.N), bias);
  });
  for (const bool in_place : {false, true}) {
    suite.Add("linear", s.Name() + (bias ? " bias" : "") + " added to r" + (in_place ? ", in place" : ""),
              [=](Case& c, Random& r) {
                FillForward(c, s, r.Normal(s.M * s.K), r.Normal(s.N * s.K), r.Normal(s.N), bias);
                AddResidual(c, s, r.Normal(s.M * s.N), in_place);
              });
  }
  for (const bool tanh : {false, true}) {
    suite.Add("linear_gelu", s.Name() + (bias ? " bias" : "") + (tanh ? " tanh" : " exact"),
              [=](Case& c, Random& r) { FillGelu(c, s, r, bias, tanh); });
  }
  for (const bool accumulate : {false, true}) {
    suite.Add("linear_backward_input", s.Name() + Accumulating(accumulate), [=](Case& c, Random& r) {
      FillBackwardInput(c, s, r.Normal(s.M * s.N), r.Normal(s.N * s.K), r, accumulate);
    });
  }
  suite.Add("linear_backward_weight", s.Name() + (bias ? " bias" : ""), [=](Case& c, Random& r) {
    FillBackwardWeight(c, s, r.Normal(s.M * s.N), r.Normal(s.M * s.K), r, bias);
  });
}

// What is not finite stays in its row of x (forward, backward to x) or its column of dy (backward to w).
void AddSpecialValues(Suite& suite) {
  const LinearShape s{19, 33, 70};
  for (const double special : {kNaN, kInfinity, -kInfinity}) {
    const std::string name = "of one " + std::to_string(special);
    suite.Add("linear", name, [=](Case& c, Random& r) {
      std::vector<double> x = r.Normal(s.M * s.K);
      x[static_cast<size_t>(7 * s.K + 3)] = special;
      FillForward(c, s, std::move(x), r.Normal(s.N * s.K), r.Normal(s.N), true);
    });
    suite.Add("linear_backward_input", name, [=](Case& c, Random& r) {
      std::vector<double> dy = r.Normal(s.M * s.N);
      dy[static_cast<size_t>(18 * s.N + 32)] = special;
      FillBackwardInput(c, s, std::move(dy), r.Normal(s.N * s.K), r, true);
      c.derivatives.clear();
    });
    suite.Add("linear_backward_weight", name, [=](Case& c, Random& r) {
      std::vector<double> dy = r.Normal(s.M * s.N);
      dy[static_cast<size_t>(18 * s.N + 32)] = special;
      FillBackwardWeight(c, s, std::move(dy), r.Normal(s.M * s.K), r, true);
      c.derivatives.clear();
    });
  }
  suite.Add("linear", "of 1e4-sized values", [=](Case& c, Random& r) {
    FillForward(c, s, r.Normal(s.M * s.K, 1e4), r.Normal(s.N * s.K, 1e4), r.Normal(s.N), true);
    c.Find("y").tolerance.floor *= 1e8;
  });
  suite.Add("linear", "of a NaN in w", [=](Case& c, Random& r) {
    std::vector<double> w = r.Normal(s.N * s.K);
    w[static_cast<size_t>(32 * s.K)] = kNaN;
    FillForward(c, s, r.Normal(s.M * s.K), std::move(w), r.Normal(s.N), false);
  });
  // A zero gradient gives exactly nothing.
  suite.Add("linear_backward_input", "of dy = 0", [=](Case& c, Random& r) {
    FillBackwardInput(c, s, Zeros(s.M * s.N), r.Normal(s.N * s.K), r, false);
    c.Find("dx").tolerance.floor = 0.0;
  });
  suite.Add("linear_backward_weight", "of dy = 0", [=](Case& c, Random& r) {
    FillBackwardWeight(c, s, Zeros(s.M * s.N), r.Normal(s.M * s.K), r, true);
    c.Find("dw").tolerance = {0.0, 0.0, 0.0};
  });
}

void AddFamilies(Suite& suite) {
  std::vector<LinearShape> shapes{{37, 65, 129}, {140, 300, 512}, {11, 7, 5}};
  if (!suite.quick) shapes.insert(shapes.end(), {{70, 96, 2100}, {600, 48, 64}, {50, 1030, 20}});
  for (const LinearShape& s : shapes) {
    Random random(Hash("linear rows " + s.Name()));
    const auto x = random.Normal(s.M * s.K);
    const auto w = random.Normal(s.N * s.K);
    const auto b = random.Normal(s.N);
    const auto dy = random.Normal(s.M * s.N);
    suite.AddFamily("linear", s.Name(), s.M, {"y"}, [=](Case& c, const std::vector<int64_t>& rows) {
      FillForward(c, {static_cast<int64_t>(rows.size()), s.N, s.K}, PickRows(x, s.K, rows), w, b, true);
    });
    suite.AddFamily("linear_backward_input", s.Name(), s.M, {"dx"},
                    [=](Case& c, const std::vector<int64_t>& rows) {
                      Random unused(0);
                      const LinearShape part{static_cast<int64_t>(rows.size()), s.N, s.K};
                      FillBackwardInput(c, part, PickRows(dy, s.N, rows), w, unused, false);
                    });
  }
}

}  // namespace

void AddLinear(Suite& suite) {
  for (const LinearShape& s : std::vector<LinearShape>{{1, 1, 1}, {7, 31, 64}, {33, 17, 129}, {1, 100, 64}}) {
    AddShape(suite, s, true);
    AddShape(suite, s, false);
  }
  for (const LinearShape& s :
       std::vector<LinearShape>{{0, 5, 7}, {5, 0, 7}, {3, 5, 0}, {128, 1, 64}, {65, 257, 300}, {7, 64, 1}}) {
    AddShape(suite, s, true);
  }
  if (!suite.quick) {
    for (const LinearShape& s :
         std::vector<LinearShape>{{1000, 31, 123}, {128, 512, 64}, {7, 50257, 16}, {200, 70, 1100}}) {
      AddShape(suite, s, true);
    }
  }
  AddSpecialValues(suite);
  AddFamilies(suite);
  suite.Add("linear", "of a negative size", [](Case& c, Random& r) {
    FillForward(c, {2, 3, 4}, r.Normal(8), r.Normal(12), r.Normal(3), true);
    c.run = [](const Call& a) {
      return a.api.linear(a.device, a("x"), a("w"), a("b"), nullptr, a("y"), -2, 3, 4);
    };
    c.expected = OUTRIGHT_INVALID;
    c.mention = "linear";
  });

  // A step of generation: the head over few rows.
  for (const LinearShape& s : std::vector<LinearShape>{{1, 50304, 128}, {8, 50304, 128}}) {
    suite.AddPerf("linear", s.Name(), [=](Case& c, Random& r) {
      FillForward(c, s, r.Normal(s.M * s.K), r.Normal(s.N * s.K), r.Normal(s.N), true);
    });
  }
  for (const LinearShape& s :
       std::vector<LinearShape>{{512, 128, 512}, {2048, 512, 512}, {2048, 3072, 768}}) {
    suite.AddPerf("linear", s.Name(), [=](Case& c, Random& r) {
      FillForward(c, s, r.Normal(s.M * s.K), r.Normal(s.N * s.K), r.Normal(s.N), true);
    });
    suite.AddPerf("linear_gelu", s.Name() + " exact",
                  [=](Case& c, Random& r) { FillGelu(c, s, r, true, false); });
    suite.AddPerf("linear_backward_input", s.Name(), [=](Case& c, Random& r) {
      FillBackwardInput(c, s, r.Normal(s.M * s.N), r.Normal(s.N * s.K), r, false);
    });
    suite.AddPerf("linear_backward_weight", s.Name(), [=](Case& c, Random& r) {
      FillBackwardWeight(c, s, r.Normal(s.M * s.N), r.Normal(s.M * s.K), r, true);
    });
  }
}

}  // namespace outright::test
