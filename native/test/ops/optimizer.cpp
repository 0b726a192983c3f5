#include "../oracle/optimizer.h"

#include <array>

#include "ops.h"

namespace outright::test {

namespace {

std::string Indexed(const std::string& name, size_t i) { return name + std::to_string(i); }

std::vector<outright_tensor> List(const Call& a, const std::string& name, size_t count) {
  std::vector<outright_tensor> tensors;
  for (size_t i = 0; i < count; ++i) tensors.push_back(*a(Indexed(name, i)));
  return tensors;
}

void FillNorm(Case& c, const std::vector<std::vector<double>>& values) {
  const size_t count = values.size();
  for (size_t i = 0; i < count; ++i) c.Input32(Indexed("x", i), values[i]);
  c.HostOutput("norm", 1);
  c.run = [=](const Call& a) {
    const std::vector<outright_tensor> tensors = List(a, "x", count);
    return a.api.global_norm(a.device, tensors.data(), static_cast<int64_t>(count), a.Host("norm"));
  };
  c.oracle = [=](Values& a) {
    std::vector<const std::vector<double>*> tensors;
    for (size_t i = 0; i < count; ++i) tensors.push_back(&a.Find(Indexed("x", i)).values);
    *a["norm"] = oracle::GlobalNorm(tensors);
  };
  c.argument_checks = false;  // any length will do
  for (const std::vector<double>& x : values) {
    c.work.flops += 2.0 * static_cast<double>(x.size());
    c.work.bytes += 4.0 * static_cast<double>(x.size());
  }
}

void AddGlobalNorm(Suite& suite) {
  const auto add = [&](const std::string& name, const std::vector<int64_t>& counts, double size) {
    suite.Add("global_norm", name, [=](Case& c, Random& r) {
      std::vector<std::vector<double>> values;
      for (const int64_t count : counts) values.push_back(r.Normal(count, size));
      FillNorm(c, values);
    });
  };
  add("one number", {1}, 1.0);
  add("no tensor", {}, 1.0);
  add("several with an empty one", {7, 0, 1000, 31, 128}, 1.0);
  add("values of 1e30, whose squares float32 lacks", {100, 3}, 1e30);
  add("values of 1e-30", {100, 3}, 1e-30);
  add("70001", {70001}, 0.01);
  for (const double special : {kNaN, kInfinity, -kInfinity}) {
    suite.Add("global_norm", "of one " + std::to_string(special), [=](Case& c, Random& r) {
      std::vector<double> x = r.Normal(50);
      x[49] = special;
      FillNorm(c, {r.Normal(10), std::move(x), r.Normal(5)});
    });
  }
  suite.AddPerf("global_norm", "8M", [](Case& c, Random& r) { FillNorm(c, {r.Normal(1 << 23)}); });
}

void FillAdamW(Case& c, const std::vector<int64_t>& counts, const oracle::AdamWSettings& settings, Random& r,
               bool fresh, double gradient_size = 1.0) {
  const size_t n = counts.size();
  for (size_t i = 0; i < n; ++i) {
    // Every third parameter is zero, so that the update itself is seen, not only the sum.
    std::vector<double> p = r.Normal(counts[i]);
    for (size_t k = 0; k < p.size(); k += 3) p[k] = 0.0;
    std::vector<double> v = r.Normal(counts[i], gradient_size);
    for (double& value : v) value *= value;
    const Tolerance tolerance{3e-7, 1e-6, settings.lr};
    // Rounding by chance takes either neighbour.
    const double chance = c.InBfloat16() ? kBfloat16Rounding : 0.0;
    c.InOut(Indexed("p", i), std::move(p),
            {tolerance.normalised + chance, tolerance.worst + chance, tolerance.floor});
    c.Input32(Indexed("g", i), r.Normal(counts[i], gradient_size));
    c.InOut32(Indexed("m", i), fresh ? Zeros(counts[i]) : r.Normal(counts[i], gradient_size),
              {3e-7, 1e-6, 0.0});
    c.InOut32(Indexed("v", i), fresh ? Zeros(counts[i]) : std::move(v), {3e-7, 1e-6, 0.0});
  }
  c.run = [=](const Call& a) {
    const outright_adamw_settings abi{
        settings.lr,           settings.beta1, settings.beta2,      settings.eps,
        settings.weight_decay, settings.step,  settings.grad_scale, 1234};
    const auto [p, g, m, v] = std::array{List(a, "p", n), List(a, "g", n), List(a, "m", n), List(a, "v", n)};
    return a.api.adamw(a.device, p.data(), nullptr, g.data(), m.data(), v.data(), static_cast<int64_t>(n),
                       &abi);
  };
  c.oracle = [=](Values& a) {
    for (size_t i = 0; i < n; ++i)
      oracle::AdamW(a[Indexed("p", i)], a[Indexed("g", i)], a[Indexed("m", i)], a[Indexed("v", i)], counts[i],
                    settings);
  };
  c.argument_checks = false;  // p0's length is the shape
  int64_t total = 0;
  for (const int64_t count : counts) total += count;
  // g is read; m, v and p are read and written
  c.work = {15.0 * static_cast<double>(total), 20.0 * static_cast<double>(total) + c.Bytes(2 * total)};
}

void AddAdamW(Suite& suite) {
  const oracle::AdamWSettings plain{1e-3, 0.9, 0.95, 1e-8, 0.0, 1.0, 1};
  const auto add = [&](const std::string& name, std::vector<int64_t> counts, oracle::AdamWSettings settings,
                       bool fresh, double gradient_size = 1.0) {
    suite.Add("adamw", name,
              [=](Case& c, Random& r) { FillAdamW(c, counts, settings, r, fresh, gradient_size); });
  };
  add("first step", {7}, plain, true);
  add("several tensors", {1, 31, 0, 1000, 128}, plain, true);
  add("no tensor", {}, plain, true);
  add("step 1000", {1000}, {1e-3, 0.9, 0.999, 1e-8, 0.0, 1.0, 1000}, false);
  add("weight decay and clipping", {513, 3}, {5e-2, 0.9, 0.95, 1e-8, 0.1, 0.125, 7}, false);
  add("tiny gradients, where eps rules", {100}, {1e-3, 0.9, 0.999, 1e-8, 0.01, 1.0, 3}, false, 1e-9);
  add("large gradients", {100}, {1e-3, 0.9, 0.999, 1e-8, 0.0, 1e-3, 2}, false, 1e4);
  add("learning rate 0", {100}, {0.0, 0.9, 0.999, 1e-8, 0.1, 1.0, 2}, false);
  if (!suite.quick) add("70001", {70001}, {5e-5, 0.9, 0.95, 1e-8, 0.01, 0.5, 20}, false);
  suite.Add("adamw", "NaN in one gradient", [=](Case& c, Random& r) {
    FillAdamW(c, {40}, plain, r, false);
    c.Find("g0").values[39] = kNaN;
  });
  for (const std::string shorter : {"g", "m", "v"}) {
    suite.Add("adamw", "a shorter " + shorter, [=](Case& c, Random& r) {
      FillAdamW(c, {5, 6}, plain, r, false);
      c.Find(Indexed(shorter, 1)).values.pop_back();
      c.expected = OUTRIGHT_INVALID;
      c.mention = "adamw";
    });
  }
  suite.Add("adamw", "step 0", [=](Case& c, Random& r) {
    oracle::AdamWSettings settings = plain;
    settings.step = 0;
    FillAdamW(c, {5}, settings, r, false);
    c.expected = OUTRIGHT_INVALID;
    c.mention = "step";
  });
  suite.AddIn(OUTRIGHT_BFLOAT16, "adamw", "a bfloat16 gradient", [=](Case& c, Random& r) {
    FillAdamW(c, {5}, plain, r, false);
    c.Find("g0").dtype = OUTRIGHT_BFLOAT16;
    c.expected = OUTRIGHT_INVALID;
    c.mention = "gradient";
  });
  suite.AddPerf("adamw", "8M", [=](Case& c, Random& r) { FillAdamW(c, {1 << 23}, plain, r, false); });
}

// The norm of all gradients, an update of gradients scaled down to it, and none where it is not finite.
void FillClipped(Case& c, const std::vector<int64_t>& counts, const oracle::AdamWSettings& settings,
                 double clip, Random& r) {
  FillAdamW(c, counts, settings, r, false);
  c.HostOutput("norm", 1);
  const size_t n = counts.size();
  c.run = [=](const Call& a) {
    const outright_adamw_settings abi{
        settings.lr,           settings.beta1, settings.beta2,      settings.eps,
        settings.weight_decay, settings.step,  settings.grad_scale, 1234};
    const auto [p, g, m, v] = std::array{List(a, "p", n), List(a, "g", n), List(a, "m", n), List(a, "v", n)};
    return a.api.adamw_clipped(a.device, p.data(), nullptr, g.data(), m.data(), v.data(),
                               static_cast<int64_t>(n), &abi, clip, a.Host("norm"));
  };
  c.oracle = [=](Values& a) {
    std::vector<const std::vector<double>*> gradients;
    for (size_t i = 0; i < n; ++i) gradients.push_back(&a.Find(Indexed("g", i)).values);
    const double norm = oracle::GlobalNorm(gradients);
    *a["norm"] = norm;
    if (!std::isfinite(norm)) return;
    oracle::AdamWSettings scaled = settings;
    if (clip > 0) scaled.grad_scale *= std::min(1.0, clip / (norm + 1e-6));
    for (size_t i = 0; i < n; ++i)
      oracle::AdamW(a[Indexed("p", i)], a[Indexed("g", i)], a[Indexed("m", i)], a[Indexed("v", i)], counts[i],
                    scaled);
  };
}

// Where a loss that was left with the device is not finite, nothing changes; the next update is one again.
void FillClippedAfterLoss(Case& c, double logp, const oracle::AdamWSettings& settings, Random& r) {
  FillClipped(c, {40, 5000}, settings, 1.0, r);
  c.Input32("logp", {-0.5, logp});
  c.Input32("loss weights", {0.5, 0.5});
  c.Output32("loss gradient", 2);
  c.run = [update = c.run](const Call& a) {
    double loss = 0;
    outright_status status =
        a.api.sft_nll(a.device, a("logp"), a("loss weights"), a("loss gradient"), 2, nullptr);
    if (status == OUTRIGHT_OK) status = update(a);
    const outright_status taken = a.api.take_results(a.device, &loss, 1);
    return status == OUTRIGHT_OK ? taken : status;
  };
  c.oracle = [update = c.oracle, logp](Values& a) {
    a["loss gradient"][0] = a["loss gradient"][1] = -0.5;
    if (std::isfinite(logp))
      update(a);
    else
      *a["norm"] = kNaN;
  };
  if (std::isfinite(logp)) return;
  for (const char* name : {"p0", "p1", "m0", "m1", "v0", "v1"}) c.Find(name).tolerance = {0.0, 0.0, 0.0};
}

void AddClipped(Suite& suite) {
  const oracle::AdamWSettings settings{1e-3, 0.9, 0.95, 1e-8, 0.1, 1.0, 7};
  const auto add = [&](const std::string& name, std::vector<int64_t> counts, double clip) {
    suite.Add("adamw_clipped", name, [=](Case& c, Random& r) { FillClipped(c, counts, settings, clip, r); });
  };
  add("to a norm of 1", {513, 0, 31}, 1.0);
  add("of a norm below the clip", {100}, 1e3);
  add("not at all", {100, 3}, 0.0);
  add("no tensor", {}, 1.0);
  if (!suite.quick) add("70001", {70001}, 1.0);
  for (const double special : {kNaN, kInfinity}) {
    suite.Add("adamw_clipped", "nothing changes for a gradient of " + std::to_string(special),
              [=](Case& c, Random& r) {
                FillClipped(c, {40, 5000}, settings, 1.0, r);
                c.Find("g1").values[4999] = special;
                for (const char* name : {"p0", "p1", "m0", "m1", "v0", "v1"})
                  c.Find(name).tolerance = {0.0, 0.0, 0.0};
              });
  }
  for (const double logp : {-1.0, -kInfinity, kNaN}) {
    suite.Add("adamw_clipped", "while a loss of " + std::to_string(-logp) + " waits",
              [=](Case& c, Random& r) { FillClippedAfterLoss(c, logp, settings, r); });
  }
  suite.Add("adamw_clipped", "a negative clip", [=](Case& c, Random& r) {
    FillClipped(c, {5}, settings, -1.0, r);
    c.expected = OUTRIGHT_INVALID;
    c.mention = "clip";
  });
  suite.AddPerf("adamw_clipped", "8M",
                [=](Case& c, Random& r) { FillClipped(c, {1 << 23}, settings, 1.0, r); });
}

}  // namespace

void AddOptimizer(Suite& suite) {
  AddGlobalNorm(suite);
  AddAdamW(suite);
  AddClipped(suite);
}

}  // namespace outright::test
