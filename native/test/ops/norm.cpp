#include "../oracle/norm.h"

#include "ops.h"

namespace outright::test {

namespace {

constexpr double kEps = 1e-5;

struct NormShape {
  int64_t T, D;
  std::string Name() const { return Shape(T, D); }
};

// Rows of unlike size and offset, as hidden states have them.
std::vector<double> HiddenStates(const NormShape& s, Random& r) {
  std::vector<double> x = r.Normal(s.T * s.D);
  const std::vector<double> sizes = r.Uniform(s.T, 0.1, 10.0);
  const std::vector<double> offsets = r.Normal(s.T);
  for (int64_t i = 0; i < s.T * s.D; ++i) {
    const size_t t = static_cast<size_t>(i / s.D);
    x[static_cast<size_t>(i)] = sizes[t] * (x[static_cast<size_t>(i)] + offsets[t]);
  }
  return AsFloat32(std::move(x));
}

// rstd is of size 1/|x|, one row at a time.
constexpr Tolerance kRow{4e-7, 4e-6, 0.0};

void FillRmsNorm(Case& c, const NormShape& s, std::vector<double> x, std::vector<double> w) {
  c.Input("x", std::move(x));
  c.Input("w", std::move(w));
  c.Output("y", s.T * s.D, kRow);
  c.Output32("rstd", s.T, kRow);
  c.run = [s](const Call& a) {
    return a.api.rms_norm(a.device, a("x"), a("w"), a("y"), a("rstd"), s.T, s.D, kEps);
  };
  c.oracle = [s](Values& a) { oracle::RmsNorm(a["x"], a["w"], a["y"], a["rstd"], s.T, s.D, kEps); };
  c.work = {4.0 * static_cast<double>(s.T * s.D), c.Bytes(2 * s.T * s.D)};
}

void FillRmsNormBackward(Case& c, const NormShape& s, std::vector<double> dy, std::vector<double> x,
                         std::vector<double> w, Random& r, bool accumulate) {
  std::vector<double> y = Zeros(s.T * s.D);
  std::vector<double> rstd = Zeros(s.T);
  x = c.Stored(std::move(x));
  w = c.Stored(std::move(w));
  oracle::RmsNorm(x.data(), w.data(), y.data(), rstd.data(), s.T, s.D, kEps);
  c.Input("dy", std::move(dy));
  c.Input("x", std::move(x));
  c.Input("w", std::move(w));
  c.Input32("rstd", std::move(rstd));
  // For D = 1 the gradient is the rest of a cancellation; its terms are of size |dy w| / |x|, up to 10.
  c.Gradient("dx", r.Normal(s.T * s.D), accumulate, {4e-7, 4e-6, s.D == 1 ? 10.0 : 0.0});
  c.InOut32("dw", r.Normal(s.D), {4e-7, 4e-6, Root(s.T)});
  c.run = [s, accumulate](const Call& a) {
    return a.api.rms_norm_backward(a.device, a("dy"), a("x"), a("w"), a("rstd"), a("dx"), a("dw"), s.T, s.D,
                                   accumulate);
  };
  c.oracle = [s, accumulate](Values& a) {
    oracle::RmsNormBackward(a["dy"], a["x"], a["w"], a["rstd"], a["dx"], a["dw"], s.T, s.D, accumulate);
  };
  if (s.D > 1 && s.T * s.D <= 20000) c.derivatives = {{"x", "dx"}, {"w", "dw"}};
  c.objective = [s](Values& a) {
    std::vector<double> output = Zeros(s.T * s.D);
    std::vector<double> unused = Zeros(s.T);
    oracle::RmsNorm(a["x"], a["w"], output.data(), unused.data(), s.T, s.D, kEps);
    return Weigh(a["dy"], output);
  };
  c.work = {10.0 * static_cast<double>(s.T * s.D), c.Bytes(3 * s.T * s.D)};
}

void FillLayerNorm(Case& c, const NormShape& s, std::vector<double> x, std::vector<double> w,
                   std::vector<double> b) {
  c.Input("x", std::move(x));
  c.Input("w", std::move(w));
  c.Input("b", std::move(b));
  c.Output("y", s.T * s.D, kRow);
  c.Output32("mean", s.T, {4e-7, 4e-6, 0.1});
  c.Output32("rstd", s.T, kRow);
  c.run = [s](const Call& a) {
    return a.api.layer_norm(a.device, a("x"), a("w"), a("b"), a("y"), a("mean"), a("rstd"), s.T, s.D, kEps);
  };
  c.oracle = [s](Values& a) {
    oracle::LayerNorm(a["x"], a["w"], a["b"], a["y"], a["mean"], a["rstd"], s.T, s.D, kEps);
  };
  c.work = {7.0 * static_cast<double>(s.T * s.D), c.Bytes(2 * s.T * s.D)};
}

void FillLayerNormBackward(Case& c, const NormShape& s, std::vector<double> dy, std::vector<double> x,
                           std::vector<double> w, Random& r, bool accumulate) {
  std::vector<double> y = Zeros(s.T * s.D);
  std::vector<double> mean = Zeros(s.T);
  std::vector<double> rstd = Zeros(s.T);
  x = c.Stored(std::move(x));
  w = c.Stored(std::move(w));
  const std::vector<double> b = c.Stored(r.Normal(s.D));
  oracle::LayerNorm(x.data(), w.data(), b.data(), y.data(), mean.data(), rstd.data(), s.T, s.D, kEps);
  c.Input("dy", std::move(dy));
  c.Input("x", std::move(x));
  c.Input("w", std::move(w));
  c.Input32("mean", std::move(mean));
  c.Input32("rstd", std::move(rstd));
  // A row of one or two numbers is normalised to constants, so that its gradient is the rest of a
  // cancellation.
  c.Gradient("dx", r.Normal(s.T * s.D), accumulate, {6e-7, 6e-6, s.D <= 2 ? 10.0 : 0.0});
  c.InOut32("dw", r.Normal(s.D), {6e-7, 6e-6, Root(s.T)});
  c.InOut32("db", r.Normal(s.D), {4e-7, 4e-6, Root(s.T)});
  c.HostInput("b", b);
  c.run = [s, accumulate](const Call& a) {
    return a.api.layer_norm_backward(a.device, a("dy"), a("x"), a("w"), a("mean"), a("rstd"), a("dx"),
                                     a("dw"), a("db"), s.T, s.D, accumulate);
  };
  c.oracle = [s, accumulate](Values& a) {
    oracle::LayerNormBackward(a["dy"], a["x"], a["w"], a["mean"], a["rstd"], a["dx"], a["dw"], a["db"], s.T,
                              s.D, accumulate);
  };
  if (s.D > 2 && s.T * s.D <= 20000) c.derivatives = {{"x", "dx"}, {"w", "dw"}, {"b", "db"}};
  c.objective = [s](Values& a) {
    std::vector<double> output = Zeros(s.T * s.D);
    std::vector<double> unused_mean = Zeros(s.T);
    std::vector<double> unused_rstd = Zeros(s.T);
    oracle::LayerNorm(a["x"], a["w"], a["b"], output.data(), unused_mean.data(), unused_rstd.data(), s.T, s.D,
                      kEps);
    return Weigh(a["dy"], output);
  };
  c.work = {14.0 * static_cast<double>(s.T * s.D), c.Bytes(3 * s.T * s.D)};
}

void AddShape(Suite& suite, const NormShape& s) {
  suite.Add("rms_norm", s.Name(),
            [=](Case& c, Random& r) { FillRmsNorm(c, s, HiddenStates(s, r), r.Normal(s.D)); });
  suite.Add("layer_norm", s.Name(), [=](Case& c, Random& r) {
    FillLayerNorm(c, s, HiddenStates(s, r), r.Normal(s.D), r.Normal(s.D));
  });
  for (const bool accumulate : {false, true}) {
    suite.Add("rms_norm_backward", s.Name() + Accumulating(accumulate), [=](Case& c, Random& r) {
      FillRmsNormBackward(c, s, r.Normal(s.T * s.D), HiddenStates(s, r), r.Normal(s.D), r, accumulate);
    });
    suite.Add("layer_norm_backward", s.Name() + Accumulating(accumulate), [=](Case& c, Random& r) {
      FillLayerNormBackward(c, s, r.Normal(s.T * s.D), HiddenStates(s, r), r.Normal(s.D), r, accumulate);
    });
  }
}

void AddSpecialValues(Suite& suite) {
  const NormShape s{9, 37};
  for (const double special : {kNaN, kInfinity}) {
    const auto spoiled = [=](Random& r) {
      std::vector<double> x = r.Normal(s.T * s.D);
      x[static_cast<size_t>(4 * s.D + 36)] = special;
      return x;
    };
    const std::string name = "of one " + std::to_string(special);
    suite.Add("rms_norm", name, [=](Case& c, Random& r) { FillRmsNorm(c, s, spoiled(r), r.Normal(s.D)); });
    suite.Add("layer_norm", name,
              [=](Case& c, Random& r) { FillLayerNorm(c, s, spoiled(r), r.Normal(s.D), r.Normal(s.D)); });
    suite.Add("rms_norm_backward", name + " in dy", [=](Case& c, Random& r) {
      FillRmsNormBackward(c, s, spoiled(r), r.Normal(s.T * s.D), r.Normal(s.D), r, false);
      c.derivatives.clear();
    });
    suite.Add("layer_norm_backward", name + " in dy", [=](Case& c, Random& r) {
      FillLayerNormBackward(c, s, spoiled(r), r.Normal(s.T * s.D), r.Normal(s.D), r, true);
      c.derivatives.clear();
    });
  }
  suite.Add("rms_norm", "of zeros",
            [=](Case& c, Random& r) { FillRmsNorm(c, s, Zeros(s.T * s.D), r.Normal(s.D)); });
  suite.Add("layer_norm", "of equal values", [=](Case& c, Random& r) {
    FillLayerNorm(c, s, Filled(s.T * s.D, 3.0), r.Normal(s.D), r.Normal(s.D));
  });
  // Frozen parameters take no gradient.
  suite.Add("rms_norm_backward", "without dw", [=](Case& c, Random& r) {
    FillRmsNormBackward(c, s, r.Normal(s.T * s.D), HiddenStates(s, r), r.Normal(s.D), r, false);
    c.Find("dw").absent = true;
    c.derivatives = {{"x", "dx"}};
  });
  for (const bool dw : {false, true}) {
    for (const bool db : {false, true}) {
      if (dw && db) continue;
      const std::string without = dw ? "without db" : db ? "without dw" : "without dw and db";
      suite.Add("layer_norm_backward", without, [=](Case& c, Random& r) {
        FillLayerNormBackward(c, s, r.Normal(s.T * s.D), HiddenStates(s, r), r.Normal(s.D), r, true);
        c.Find("dw").absent = !dw;
        c.Find("db").absent = !db;
        c.derivatives = {{"x", "dx"}};
      });
    }
  }
  // The variance is small beside the mean: one pass of E(x^2) - E(x)^2 in float32 loses it.
  suite.Add("layer_norm", "of a mean 1000 times the deviation", [=](Case& c, Random& r) {
    FillLayerNorm(c, s, r.Normal(s.T * s.D, 0.125, 128.0), r.Normal(s.D), r.Normal(s.D));
    c.Find("y").tolerance = {1e-4, 1e-3, 0.0};
    c.Find("rstd").tolerance = {1e-4, 1e-3, 0.0};
  });
  suite.Add("rms_norm", "of 1e4-sized values",
            [=](Case& c, Random& r) { FillRmsNorm(c, s, r.Normal(s.T * s.D, 1e4), r.Normal(s.D)); });
  suite.Add("rms_norm_backward", "of dy = 0", [=](Case& c, Random& r) {
    FillRmsNormBackward(c, s, Zeros(s.T * s.D), HiddenStates(s, r), r.Normal(s.D), r, false);
  });
  suite.Add("layer_norm_backward", "of dy = 0", [=](Case& c, Random& r) {
    FillLayerNormBackward(c, s, Zeros(s.T * s.D), HiddenStates(s, r), r.Normal(s.D), r, false);
  });
}

void AddFamily(Suite& suite, const NormShape& s) {
  Random random(Hash("norm rows " + s.Name()));
  const auto x = HiddenStates(s, random);
  const auto dy = random.Normal(s.T * s.D);
  const auto w = random.Normal(s.D);
  const auto b = random.Normal(s.D);
  const auto add =
      [&](const std::string& op, std::vector<std::string> outputs,
          const std::function<void(Case&, const NormShape&, const std::vector<int64_t>&)>& fill) {
        suite.AddFamily(op, s.Name(), s.T, std::move(outputs),
                        [=](Case& c, const std::vector<int64_t>& rows) {
                          fill(c, {static_cast<int64_t>(rows.size()), s.D}, rows);
                        });
      };
  add("rms_norm", {"y", "rstd"}, [=](Case& c, const NormShape& part, const std::vector<int64_t>& rows) {
    FillRmsNorm(c, part, PickRows(x, s.D, rows), w);
  });
  add("layer_norm", {"y", "mean", "rstd"},
      [=](Case& c, const NormShape& part, const std::vector<int64_t>& rows) {
        FillLayerNorm(c, part, PickRows(x, s.D, rows), w, b);
      });
  add("rms_norm_backward", {"dx"}, [=](Case& c, const NormShape& part, const std::vector<int64_t>& rows) {
    Random unused(0);
    FillRmsNormBackward(c, part, PickRows(dy, s.D, rows), PickRows(x, s.D, rows), w, unused, false);
  });
  add("layer_norm_backward", {"dx"}, [=](Case& c, const NormShape& part, const std::vector<int64_t>& rows) {
    Random unused(0);
    FillLayerNormBackward(c, part, PickRows(dy, s.D, rows), PickRows(x, s.D, rows), w, unused, false);
  });
}

}  // namespace

void AddNorm(Suite& suite) {
  std::vector<NormShape> shapes{{7, 64}, {0, 5}, {1, 1}, {3, 2}, {1, 123}, {33, 31}};
  if (!suite.quick) shapes.insert(shapes.end(), {{128, 512}, {1000, 123}, {3, 4097}});
  for (const NormShape& s : shapes) AddShape(suite, s);
  AddSpecialValues(suite);
  AddFamily(suite, {41, 123});
  AddFamily(suite, {20, 64});

  const NormShape s{2048, 768};
  suite.AddPerf("rms_norm", s.Name(),
                [=](Case& c, Random& r) { FillRmsNorm(c, s, r.Normal(s.T * s.D), r.Normal(s.D)); });
  suite.AddPerf("rms_norm_backward", s.Name(), [=](Case& c, Random& r) {
    FillRmsNormBackward(c, s, r.Normal(s.T * s.D), r.Normal(s.T * s.D), r.Normal(s.D), r, false);
  });
  suite.AddPerf("layer_norm", s.Name(), [=](Case& c, Random& r) {
    FillLayerNorm(c, s, r.Normal(s.T * s.D), r.Normal(s.D), r.Normal(s.D));
  });
  suite.AddPerf("layer_norm_backward", s.Name(), [=](Case& c, Random& r) {
    FillLayerNormBackward(c, s, r.Normal(s.T * s.D), r.Normal(s.T * s.D), r.Normal(s.D), r, false);
  });
}

}  // namespace outright::test
