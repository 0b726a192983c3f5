#include "../oracle/head.h"

#include "ops.h"

namespace outright::test {

namespace {

struct HeadShape {
  int64_t N, D, V;
  std::string Name() const { return Shape(N, D, V); }
  double Flops() const { return 2.0 * static_cast<double>(N) * static_cast<double>(D * V); }
  int64_t Read() const { return (N + V) * D; }
};

// Logits of size about `spread`, whatever D.
std::vector<double> Weights(const HeadShape& s, Random& r, double spread = 3.0) {
  return r.Normal(s.V * s.D, spread / Root(s.D));
}

// logp and lse are sums of logits: what float32 can say about them depends on the size of those.
void FillForward(Case& c, const HeadShape& s, std::vector<double> h, std::vector<double> w,
                 std::vector<int32_t> targets, double logit_size = 3.0) {
  c.Input("h", std::move(h));
  c.Input("w", std::move(w));
  c.Ints("targets", std::move(targets));
  c.Output32("logp", s.N, {3e-7, 1.2e-6, logit_size});
  c.Output32("lse", s.N, {3e-7, 1.2e-6, logit_size});
  c.run = [s](const Call& a) {
    return a.api.logprob_head(a.device, a("h"), a("w"), a("targets"), a("logp"), a("lse"), nullptr, s.N, s.D,
                              s.V);
  };
  c.oracle = [s](Values& a) {
    oracle::LogprobHead(a["h"], a["w"], a.Ints("targets"), a["logp"], a["lse"], s.N, s.D, s.V);
  };
  c.work = {s.Flops(), c.Bytes(s.Read())};
}

void FillBackward(Case& c, const HeadShape& s, std::vector<double> h, std::vector<double> w,
                  std::vector<int32_t> targets, std::vector<double> g, Random& r, bool accumulate,
                  bool frozen) {
  h = c.Stored(std::move(h));
  w = c.Stored(std::move(w));
  std::vector<double> logp = Zeros(s.N);
  std::vector<double> lse = Zeros(s.N);
  oracle::LogprobHead(h.data(), w.data(), targets.data(), logp.data(), lse.data(), s.N, s.D, s.V);
  c.Input("h", std::move(h));
  c.Input("w", std::move(w));
  c.Ints("targets", std::move(targets));
  c.Input32("lse", std::move(lse));
  c.Input32("logp", std::move(logp));
  c.Input32("g", std::move(g));
  const Tolerance tolerance = WithRoundedFactors(c, {2e-6, 2e-5, 0.0});
  c.Gradient("dh", r.Normal(s.N * s.D), accumulate, tolerance);
  c.InOut32("dw", r.Normal(s.V * s.D), tolerance).absent = frozen;
  c.run = [=](const Call& a) {
    return a.api.logprob_head_backward(a.device, a("h"), a("w"), a("targets"), a("lse"), a("logp"), a("g"),
                                       nullptr, a("dh"), a("dw"), s.N, s.D, s.V, accumulate);
  };
  c.oracle = [=](Values& a) {
    oracle::LogprobHeadBackward(a["h"], a["w"], a.Ints("targets"), a["lse"], a["logp"], a["g"], a["dh"],
                                a["dw"], s.N, s.D, s.V, accumulate);
  };
  if (s.Flops() < 400000.0) {
    c.derivatives = {{"h", "dh"}};
    if (!frozen) c.derivatives.push_back({"w", "dw"});
  }
  if (c.InBfloat16()) c.backward_rounding = 4.0 * kBfloat16Rounding;  // of factors
  c.objective = [=](Values& a) {
    std::vector<double> values = Zeros(s.N);
    std::vector<double> unused = Zeros(s.N);
    oracle::LogprobHead(a["h"], a["w"], a.Ints("targets"), values.data(), unused.data(), s.N, s.D, s.V);
    return Weigh(a["g"], values);
  };
  c.work = {(frozen ? 2.0 : 3.0) * s.Flops(), 2.0 * c.Bytes(s.Read())};
}

// Forward and backward with a cache between them that holds `share` of all that is useful.
outright_status RunWithCache(const Call& a, const HeadShape& s, double share, bool accumulate) {
  const outright_backend& api = a.api;
  const int32_t dtype = a("h")->dtype;
  int64_t count = 0;
  outright_status status = api.head_cache_count(a.device, dtype, s.N, s.D, s.V, INT64_MAX / 8, &count);
  if (status != OUTRIGHT_OK) return status;
  outright_tensor cache{}, logp{}, lse{};
  const auto allocate = [&](outright_tensor& tensor, int32_t type, int64_t elements) {
    if (status == OUTRIGHT_OK) status = api.alloc(a.device, type, elements, &tensor);
  };
  allocate(cache, dtype, static_cast<int64_t>(share * static_cast<double>(count)));
  allocate(logp, OUTRIGHT_FLOAT32, s.N);
  allocate(lse, OUTRIGHT_FLOAT32, s.N);
  if (status == OUTRIGHT_OK)
    status = api.logprob_head(a.device, a("h"), a("w"), a("targets"), &logp, &lse, &cache, s.N, s.D, s.V);
  if (status == OUTRIGHT_OK)
    status = api.logprob_head_backward(a.device, a("h"), a("w"), a("targets"), a("lse"), a("logp"), a("g"),
                                       &cache, a("dh"), a("dw"), s.N, s.D, s.V, accumulate);
  for (const outright_tensor* tensor : {&cache, &logp, &lse})
    if (tensor->data) api.free(a.device, tensor);
  return status;
}

void AddCached(Suite& suite, const HeadShape& s) {
  for (const double share : {0.0, 0.6, 1.0}) {
    for (const bool frozen : {false, true}) {
      const std::string name =
          s.Name() + ", cache of " + std::to_string(static_cast<int>(100 * share)) + " %";
      suite.Add("logprob_head_backward", name + (frozen ? " frozen" : ""), [=](Case& c, Random& r) {
        FillBackward(c, s, r.Normal(s.N * s.D), Weights(s, r), r.Integers(s.N, s.V), r.Normal(s.N), r, true,
                     frozen);
        c.run = [=](const Call& a) { return RunWithCache(a, s, share, true); };
        c.derivatives.clear();
      });
    }
  }
}

void AddShape(Suite& suite, const HeadShape& s, bool light) {
  suite.Add("logprob_head", s.Name(), [=](Case& c, Random& r) {
    FillForward(c, s, r.Normal(s.N * s.D), Weights(s, r), r.Integers(s.N, s.V));
  });
  for (const bool accumulate : {false, true}) {
    if (!light && accumulate) continue;  // the float64 side of the largest shapes takes long
    for (const bool frozen : {false, true}) {
      if (!light && frozen) continue;
      suite.Add("logprob_head_backward", s.Name() + (frozen ? " frozen" : "") + Accumulating(accumulate),
                [=](Case& c, Random& r) {
                  FillBackward(c, s, r.Normal(s.N * s.D), Weights(s, r), r.Integers(s.N, s.V), r.Normal(s.N),
                               r, accumulate, frozen);
                });
    }
  }
}

// Whole numbers times whole numbers: logits up to +-1e4 that float32 holds exactly.
void AddLargeLogits(Suite& suite) {
  const HeadShape s{13, 2, 301};
  const auto whole = [](std::vector<double> values, double limit) {
    for (double& value : values) value = std::round(std::fmax(-1.0, std::fmin(1.0, 0.5 * value)) * limit);
    return values;
  };
  suite.Add("logprob_head", "logits of +-1e4", [=](Case& c, Random& r) {
    FillForward(c, s, whole(r.Normal(s.N * s.D), 70), whole(r.Normal(s.V * s.D), 70), r.Integers(s.N, s.V),
                1e3);
  });
  suite.Add("logprob_head_backward", "logits of +-1e4", [=](Case& c, Random& r) {
    FillBackward(c, s, whole(r.Normal(s.N * s.D), 70), whole(r.Normal(s.V * s.D), 70), r.Integers(s.N, s.V),
                 r.Normal(s.N), r, false, false);
    // lse of size 1e4 is known to 5e-4 only, the same for both sides; the terms are 70 g.
    c.Find("dh").tolerance.floor = c.Find("dw").tolerance.floor = 70.0;
    c.derivatives.clear();
  });
}

void AddSpecialValues(Suite& suite) {
  const HeadShape s{11, 16, 131};
  suite.Add("logprob_head", "equal logits", [=](Case& c, Random& r) {
    FillForward(c, s, r.Normal(s.N * s.D), Zeros(s.V * s.D), r.Integers(s.N, s.V));
  });
  suite.Add("logprob_head_backward", "equal logits", [=](Case& c, Random& r) {
    FillBackward(c, s, r.Normal(s.N * s.D), Zeros(s.V * s.D), r.Integers(s.N, s.V), r.Normal(s.N), r, false,
                 false);
  });
  // One token takes nearly all: 1 - p is far below float32's step at 1 and must still come out.
  const auto dominated = [=](Random& r, double by) {
    std::vector<double> w = r.Normal(s.V * s.D, 0.1);
    for (int64_t d = 0; d < s.D; ++d) w[static_cast<size_t>(5 * s.D + d)] = by;
    return w;
  };
  for (const double by : {1.0, 1.75, 4.0}) {  // logits of 16, 28 and 64 against about 0
    const std::string name = "one dominating by " + std::to_string(static_cast<int>(16 * by));
    suite.Add("logprob_head", name, [=](Case& c, Random& r) {
      FillForward(c, s, Filled(s.N * s.D, 1.0), dominated(r, by), std::vector<int32_t>(11, 5), 16.0 * by);
    });
    suite.Add("logprob_head_backward", name, [=](Case& c, Random& r) {
      FillBackward(c, s, Filled(s.N * s.D, 1.0), dominated(r, by), std::vector<int32_t>(11, 5), r.Normal(s.N),
                   r, false, false);
      c.Find("dh").tolerance = WithRoundedFactors(c, {2e-5, 2e-4, 0.0});
      c.derivatives.clear();
    });
  }
  // Tokens banned by a logit of -inf, one of them the target of row 3.
  suite.Add("logprob_head", "banned tokens", [=](Case& c, Random& r) {
    std::vector<double> h = r.Normal(s.N * s.D);
    for (int64_t n = 0; n < s.N; ++n) h[static_cast<size_t>(n * s.D)] = 1.0;
    std::vector<double> w = r.Normal(s.V * s.D);
    for (const int64_t banned : {0, 64, 130}) w[static_cast<size_t>(banned * s.D)] = -kInfinity;
    std::vector<int32_t> targets = r.Integers(s.N, 63);
    for (int32_t& target : targets) target += 1;
    targets[3] = 64;
    FillForward(c, s, std::move(h), std::move(w), std::move(targets));
  });
  for (const double special : {kNaN, kInfinity}) {
    const std::string name = "a hidden state with " + std::to_string(special);
    suite.Add("logprob_head", name, [=](Case& c, Random& r) {
      std::vector<double> h = r.Normal(s.N * s.D);
      h[static_cast<size_t>(4 * s.D + 15)] = special;
      FillForward(c, s, std::move(h), Weights(s, r), r.Integers(s.N, s.V));
    });
    suite.Add("logprob_head_backward", name + " and g = 0", [=](Case& c, Random& r) {
      std::vector<double> h = r.Normal(s.N * s.D);
      h[static_cast<size_t>(4 * s.D + 15)] = special;
      std::vector<double> g = r.Normal(s.N);
      g[4] = 0.0;
      FillBackward(c, s, std::move(h), Weights(s, r), r.Integers(s.N, s.V), std::move(g), r, true, false);
      c.derivatives.clear();
    });
  }
  suite.Add("logprob_head", "NaN in w", [=](Case& c, Random& r) {
    std::vector<double> w = Weights(s, r);
    w[static_cast<size_t>(130 * s.D)] = kNaN;
    FillForward(c, s, r.Normal(s.N * s.D), std::move(w), r.Integers(s.N, s.V));
  });
  suite.Add("logprob_head_backward", "NaN in one g", [=](Case& c, Random& r) {
    std::vector<double> g = r.Normal(s.N);
    g[10] = kNaN;
    FillBackward(c, s, r.Normal(s.N * s.D), Weights(s, r), r.Integers(s.N, s.V), std::move(g), r, false,
                 false);
    c.derivatives.clear();
  });
  // Rows without gradient give exactly nothing, and rows with one are as if the others were not there.
  for (const bool accumulate : {false, true}) {
    suite.Add("logprob_head_backward", "g = 0" + Accumulating(accumulate), [=](Case& c, Random& r) {
      FillBackward(c, s, r.Normal(s.N * s.D), Weights(s, r), r.Integers(s.N, s.V), Zeros(s.N), r, accumulate,
                   false);
      c.Find("dh").tolerance = c.Find("dw").tolerance = {0.0, 0.0, 0.0};
    });
  }
  suite.Add("logprob_head_backward", "g = 0 in some rows", [=](Case& c, Random& r) {
    std::vector<double> g = r.Normal(s.N);
    for (const size_t n : {0U, 1U, 5U, 10U}) g[n] = 0.0;
    FillBackward(c, s, r.Normal(s.N * s.D), Weights(s, r), r.Integers(s.N, s.V), std::move(g), r, true,
                 false);
  });
}

void AddInvalid(Suite& suite) {
  const HeadShape s{4, 3, 9};
  for (const int32_t target : {-1, 9, std::numeric_limits<int32_t>::max()}) {
    const std::vector<int32_t> targets{0, 8, target, 2};
    const auto refused = [target](Case& c) {
      c.expected = OUTRIGHT_INVALID;
      c.mention = std::to_string(target);
    };
    suite.Add("logprob_head", "of the target " + std::to_string(target), [=](Case& c, Random& r) {
      FillForward(c, s, r.Normal(12), r.Normal(27), targets);
      refused(c);
    });
    suite.Add("logprob_head_backward", "of the target " + std::to_string(target), [=](Case& c, Random& r) {
      FillBackward(c, s, r.Normal(12), r.Normal(27), {0, 8, 1, 2}, r.Normal(4), r, false, false);
      c.Find("targets").integers = targets;
      refused(c);
    });
  }
}

// What the head uses beside its arguments is bounded as it says, and does not grow to N x V.
std::string CheckWorkspace(Device& device) {
  const HeadShape s{2000, 2, 16384};
  int64_t bound = -1;
  const outright_backend& api = device.api();
  if (api.head_workspace_bytes(device.get(), OUTRIGHT_FLOAT32, s.N, s.D, s.V, &bound) != OUTRIGHT_OK)
    return device.LastError();
  const int64_t logits = 4 * s.N * s.V;
  if (bound < 0 || bound >= logits / 2) {
    return "bound of " + std::to_string(bound) + " bytes, all logits are " + std::to_string(logits);
  }
  int64_t huge = -1;
  if (api.head_workspace_bytes(device.get(), OUTRIGHT_FLOAT32, 16384, 4096, 131072, &huge) != OUTRIGHT_OK)
    return device.LastError();
  const int64_t huge_logits = int64_t{4} * 16384 * 131072;
  if (huge < 0 || huge > huge_logits / 4)
    return "bound of " + std::to_string(huge) + " bytes for 16384x4096x131072";

  outright_tensor h{}, w{}, targets{}, logp{}, lse{}, g{}, dh{}, dw{};
  const auto allocate = [&](outright_tensor& tensor, int32_t dtype, int64_t count) {
    return api.alloc(device.get(), dtype, count, &tensor) == OUTRIGHT_OK &&
           api.fill(device.get(), &tensor, 0.0) == OUTRIGHT_OK;
  };
  std::string wrong;
  if (!allocate(h, OUTRIGHT_FLOAT32, s.N * s.D) || !allocate(w, OUTRIGHT_FLOAT32, s.V * s.D) ||
      !allocate(targets, OUTRIGHT_INT32, s.N) || !allocate(logp, OUTRIGHT_FLOAT32, s.N) ||
      !allocate(lse, OUTRIGHT_FLOAT32, s.N) || !allocate(g, OUTRIGHT_FLOAT32, s.N) ||
      !allocate(dh, OUTRIGHT_FLOAT32, s.N * s.D) || !allocate(dw, OUTRIGHT_FLOAT32, s.V * s.D)) {
    return device.LastError();
  }
  outright_memory_stats before{};
  outright_memory_stats after{};
  api.trim(device.get());
  api.reset_peak(device.get());
  api.memory(device.get(), &before);
  if (api.logprob_head(device.get(), &h, &w, &targets, &logp, &lse, nullptr, s.N, s.D, s.V) != OUTRIGHT_OK ||
      api.logprob_head_backward(device.get(), &h, &w, &targets, &lse, &logp, &g, nullptr, &dh, &dw, s.N, s.D,
                                s.V, 0) != OUTRIGHT_OK) {
    return device.LastError();
  }
  api.memory(device.get(), &after);
  const int64_t used = after.peak_bytes - before.live_bytes + after.workspace_bytes - before.workspace_bytes;
  if (used > bound)
    wrong = "used " + std::to_string(used) + " bytes, promised at most " + std::to_string(bound);
  if (after.live_bytes != before.live_bytes) wrong = "buffers are still alive after the call";
  for (const outright_tensor* tensor : {&h, &w, &targets, &logp, &lse, &g, &dh, &dw})
    api.free(device.get(), tensor);
  return wrong;
}

void AddFamilies(Suite& suite) {
  for (const HeadShape& s : {HeadShape{37, 16, 301}, HeadShape{70, 123, 1030}}) {
    Random random(Hash("head rows " + s.Name()));
    const auto h = random.Normal(s.N * s.D);
    const auto w = Weights(s, random);
    const auto g = random.Normal(s.N);
    const auto targets = random.Integers(s.N, s.V);
    suite.AddFamily("logprob_head", s.Name(), s.N, {"logp", "lse"},
                    [=](Case& c, const std::vector<int64_t>& rows) {
                      const HeadShape part{static_cast<int64_t>(rows.size()), s.D, s.V};
                      FillForward(c, part, PickRows(h, s.D, rows), w, PickRows(targets, 1, rows));
                    });
    suite.AddFamily("logprob_head_backward", s.Name(), s.N, {"dh"},
                    [=](Case& c, const std::vector<int64_t>& rows) {
                      Random unused(0);
                      const HeadShape part{static_cast<int64_t>(rows.size()), s.D, s.V};
                      FillBackward(c, part, PickRows(h, s.D, rows), w, PickRows(targets, 1, rows),
                                   PickRows(g, 1, rows), unused, false, false);
                    });
  }
}

}  // namespace

void AddHead(Suite& suite) {
  for (const HeadShape& s : std::vector<HeadShape>{{7, 64, 31}, {1, 123, 512}, {33, 8, 1131}})
    AddCached(suite, s);
  if (!suite.quick) AddCached(suite, {300, 40, 2100});
  for (const HeadShape& s :
       std::vector<HeadShape>{{7, 64, 31}, {0, 8, 31}, {1, 1, 1}, {5, 1, 2}, {1, 123, 512}, {33, 8, 131}}) {
    AddShape(suite, s, true);
  }
  if (!suite.quick) {
    AddShape(suite, {128, 64, 512}, true);
    AddShape(suite, {1000, 1, 31}, true);
    AddShape(suite, {7, 16, 50257}, false);
    AddShape(suite, {130, 123, 1025}, false);
    // More than a budget of a few million logits, more rows than are kept at a time: several blocks of each.
    AddShape(suite, {1100, 2, 8200}, false);
    AddShape(suite, {4200, 2, 300}, false);
  }
  AddLargeLogits(suite);
  AddSpecialValues(suite);
  AddInvalid(suite);
  AddFamilies(suite);
  suite.checks.push_back({"head_workspace_bytes", "bounds what is used", CheckWorkspace});

  const auto add_perf = [&suite](void (Suite::*add)(const std::string&, const std::string&, const Filler&),
                                 const HeadShape& s) {
    (suite.*add)("logprob_head", s.Name(), [=](Case& c, Random& r) {
      FillForward(c, s, r.Normal(s.N * s.D), Weights(s, r), r.Integers(s.N, s.V));
    });
    (suite.*add)("logprob_head_backward", s.Name(), [=](Case& c, Random& r) {
      // Zero hidden states spare the float64 forward: every logit is 0.
      c.Input("h", Zeros(s.N * s.D));
      c.Input("w", Weights(s, r));
      c.Ints("targets", r.Integers(s.N, s.V));
      c.Input32("lse", Filled(s.N, std::log(static_cast<double>(s.V))));
      c.Input32("logp", Filled(s.N, -std::log(static_cast<double>(s.V))));
      c.Input32("g", r.Normal(s.N));
      c.Output("dh", s.N * s.D);
      c.InOut32("dw", Zeros(s.V * s.D));
      c.run = [=](const Call& a) {
        return a.api.logprob_head_backward(a.device, a("h"), a("w"), a("targets"), a("lse"), a("logp"),
                                           a("g"), nullptr, a("dh"), a("dw"), s.N, s.D, s.V, 0);
      };
      c.work = {3.0 * s.Flops(), 2.0 * c.Bytes(s.Read())};
    });
  };
  add_perf(&Suite::AddPerf, {512, 128, 50304});
  add_perf(&Suite::AddPerf, {256, 512, 32000});
  add_perf(&Suite::AddLargePerf, {8192, 4096, 128256});
}

}  // namespace outright::test
