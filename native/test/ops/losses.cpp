#include "../oracle/losses.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "../harness/execution.h"
#include "ops.h"

namespace outright::test {

namespace {

std::vector<double> LogProbs(int64_t N, Random& r) {
  std::vector<double> logp = r.Normal(N, 2.0);
  for (double& value : logp) value = -std::fabs(value);
  return logp;
}

constexpr Tolerance kRounding{1e-7, 1e-7, 0.0};  // one step of float32

void FillSft(Case& c, int64_t N, std::vector<double> logp, std::vector<double> weights) {
  c.Input32("logp", std::move(logp));
  c.Input32("weights", std::move(weights));
  c.Output32("g", N, kRounding);
  c.HostOutput("loss", 1);
  c.run = [=](const Call& a) {
    return a.api.sft_nll(a.device, a("logp"), a("weights"), a("g"), N, a.Host("loss"));
  };
  c.oracle = [=](Values& a) { *a["loss"] = oracle::SftNll(a["logp"], a["weights"], a["g"], N); };
  c.work = {2.0 * static_cast<double>(N), 12.0 * static_cast<double>(N)};
}

void AddSft(Suite& suite) {
  for (const int64_t N : {7, 0, 1, 128, 1000}) {
    suite.Add("sft_nll", std::to_string(N), [=](Case& c, Random& r) {
      FillSft(c, N, LogProbs(N, r), r.Uniform(N, 0.0, 0.1));
      c.derivatives = {{"logp", "g"}};
      c.objective = [=](Values& a) {
        std::vector<double> g = Zeros(N);
        return oracle::SftNll(a["logp"], a["weights"], g.data(), N);
      };
    });
  }
  suite.Add("sft_nll", "NaN and -inf under weight 0", [](Case& c, Random& r) {
    std::vector<double> logp = LogProbs(9, r);
    logp[2] = kNaN;
    logp[7] = -kInfinity;
    std::vector<double> weights = r.Uniform(9, 0.5, 1.0);
    weights[2] = weights[7] = 0.0;
    FillSft(c, 9, std::move(logp), std::move(weights));
  });
  suite.Add("sft_nll", "NaN under a weight", [](Case& c, Random& r) {
    std::vector<double> logp = LogProbs(9, r);
    logp[8] = kNaN;
    FillSft(c, 9, std::move(logp), r.Uniform(9, 0.5, 1.0));
  });
}

void FillSums(Case& c, int64_t N, std::vector<double> logp, std::vector<int32_t> offsets) {
  const int64_t S = static_cast<int64_t>(offsets.size()) - 1;
  c.Input32("logp", std::move(logp));
  c.Ints("offsets", std::move(offsets));
  c.HostOutput("sums", S);
  c.run = [=](const Call& a) {
    return a.api.sequence_sums(a.device, a("logp"), a("offsets"), a.Host("sums"), N, S);
  };
  c.oracle = [=](Values& a) { oracle::SequenceSums(a["logp"], a.Ints("offsets"), a["sums"], S); };
}

// Sequences of unlike lengths, some empty, with room before the first and after the last.
std::vector<int32_t> Offsets(int64_t S, int64_t* N, Random& r) {
  const std::vector<int32_t> lengths = r.Integers(S, 12);
  std::vector<int32_t> offsets{3};
  for (const int32_t length : lengths) offsets.push_back(offsets.back() + (length < 2 ? 0 : length));
  *N = offsets.back() + 4;
  return offsets;
}

void AddSums(Suite& suite) {
  for (const int64_t S : {5, 0, 1, 64}) {
    suite.Add("sequence_sums", std::to_string(S), [=](Case& c, Random& r) {
      int64_t N = 0;
      std::vector<int32_t> offsets = Offsets(S, &N, r);
      FillSums(c, N, LogProbs(N, r), std::move(offsets));
    });
  }
  suite.Add("sequence_sums", "2000 tokens of size 1e4", [](Case& c, Random& r) {
    FillSums(c, 4000, r.Normal(4000, 1e4), {0, 2000, 4000});
  });
  suite.Add("sequence_sums", "NaN in one sequence", [](Case& c, Random& r) {
    std::vector<double> logp = LogProbs(9, r);
    logp[4] = kNaN;
    FillSums(c, 9, std::move(logp), {0, 4, 5, 5, 9});
  });
}

struct Preferences {
  int64_t N, P;
  std::vector<double> logp, reference;
  std::vector<int32_t> offsets;
};

void FillDpo(Case& c, const Preferences& pairs, double beta, double scale) {
  const auto [N, P] = std::pair{pairs.N, pairs.P};
  c.Input32("logp", pairs.logp);
  c.Ints("offsets", pairs.offsets);
  c.HostInput("reference", pairs.reference);
  c.Output32("g", N, kRounding);
  c.HostOutput("metrics", 6 * P);
  c.HostOutput("total", 1);
  c.run = [=, n = N, p = P](const Call& a) {
    return a.api.dpo_sigmoid(a.device, a("logp"), a("offsets"), a.Host("reference"), a("g"),
                             a.Host("metrics"), n, p, beta, scale, a.Host("total"));
  };
  c.oracle = [=, n = N, p = P](Values& a) {
    *a["total"] = oracle::DpoSigmoid(a["logp"], a.Ints("offsets"), a["reference"], a["g"], a["metrics"], n, p,
                                     beta, scale);
  };
  c.objective = [=, n = N, p = P](Values& a) {
    std::vector<double> g = Zeros(n);
    std::vector<double> metrics = Zeros(6 * p);
    return oracle::DpoSigmoid(a["logp"], a.Ints("offsets"), a["reference"], g.data(), metrics.data(), n, p,
                              beta, scale);
  };
}

Preferences RandomPreferences(int64_t P, Random& r) {
  Preferences pairs{0, P, {}, {}, {}};
  pairs.offsets = Offsets(2 * P, &pairs.N, r);
  pairs.logp = AsFloat32(LogProbs(pairs.N, r));
  pairs.reference = r.Normal(2 * P, 5.0, -10.0);
  return pairs;
}

std::vector<double> Sums(const Preferences& pairs) {
  std::vector<double> sums = Zeros(2 * pairs.P);
  oracle::SequenceSums(pairs.logp.data(), pairs.offsets.data(), sums.data(), 2 * pairs.P);
  return sums;
}

void AddDpo(Suite& suite) {
  for (const int64_t P : {3, 0, 1, 50}) {
    suite.Add("dpo_sigmoid", std::to_string(P), [=](Case& c, Random& r) {
      FillDpo(c, RandomPreferences(P, r), 0.1, 0.25);
      c.derivatives = {{"logp", "g"}};
    });
  }
  for (const double margin : {1e4, -1e4, 40.0, -40.0, 700.0, -800.0}) {
    suite.Add("dpo_sigmoid", "a margin near " + std::to_string(static_cast<int>(margin)),
              [=](Case& c, Random& r) {
                Preferences pairs = RandomPreferences(2, r);
                pairs.reference = Sums(pairs);
                pairs.reference[0] -= margin;
                FillDpo(c, pairs, 1.0, 1.0);
              });
  }
  suite.Add("dpo_sigmoid", "NaN in one answer", [](Case& c, Random& r) {
    Preferences pairs{8, 2, LogProbs(8, r), {-1.0, -2.0, -3.0, -4.0}, {0, 2, 4, 6, 8}};
    pairs.logp[5] = kNaN;
    FillDpo(c, pairs, 0.1, 1.0);
  });
}

std::string Expect(bool holds, const std::string& what) { return holds ? "" : what; }

// Runs dpo_sigmoid and gives metrics[6P], with the total behind them.
std::vector<double> Metrics(Device& device, const Preferences& pairs, double beta,
                            std::vector<double>* g = nullptr) {
  Case c;
  FillDpo(c, pairs, beta, 1.0);
  Execution execution(device, c);
  if (execution.Run() != OUTRIGHT_OK) throw std::runtime_error(device.LastError());
  std::vector<double> metrics = execution.Read("metrics");
  metrics.push_back(execution.Read("total")[0]);
  if (g) *g = execution.Read("g");
  return metrics;
}

// Policy = reference, both summed by the backend: margin exactly 0, loss exactly ln 2.
std::string CheckPolicyIsReference(Device& device) {
  Random random(Hash("policy = reference"));
  Preferences pairs = RandomPreferences(4, random);
  Case sums;
  FillSums(sums, pairs.N, pairs.logp, pairs.offsets);
  Execution execution(device, sums);
  if (execution.Run() != OUTRIGHT_OK) return device.LastError();
  pairs.reference = execution.Read("sums");
  const std::vector<double> metrics = Metrics(device, pairs, 0.1);
  for (size_t p = 0; p < 4; ++p) {
    for (const size_t zero : {2U, 3U, 4U}) {
      if (metrics[6 * p + zero] != 0.0)
        return "a reward or margin of " + std::to_string(metrics[6 * p + zero]);
    }
    if (metrics[6 * p + 5] != std::log(2.0)) return "the loss is not exactly ln 2";
  }
  return Expect(metrics[24] == 4.0 * std::log(2.0), "the total is not exactly 4 ln 2");
}

std::string CheckSwap(Device& device) {
  Random random(Hash("swap"));
  const Preferences pairs{5, 1, LogProbs(5, random), {-3.0, -4.5}, {0, 2, 5}};
  Preferences swapped = pairs;
  std::rotate(swapped.logp.begin(), swapped.logp.begin() + 2, swapped.logp.end());
  std::swap(swapped.reference[0], swapped.reference[1]);
  swapped.offsets = {0, 3, 5};
  std::vector<double> g;
  std::vector<double> swapped_g;
  const std::vector<double> metrics = Metrics(device, pairs, 0.3, &g);
  const std::vector<double> flipped = Metrics(device, swapped, 0.3, &swapped_g);
  if (metrics[0] != flipped[1] || metrics[1] != flipped[0]) return "the log-probs are not exchanged";
  if (metrics[4] == 0.0 || metrics[4] != -flipped[4]) return "the margin does not flip";
  // loss(m) - loss(-m) = -m
  if (std::fabs(metrics[5] - flipped[5] + metrics[4]) > 1e-12)
    return "the losses do not differ by the margin";
  return Expect(g[0] < 0.0 && g[2] > 0.0 && swapped_g[0] < 0.0 && swapped_g[3] > 0.0,
                "g must lift the chosen and lower the rejected answer");
}

// The same numbers where they are left with the device, after those of another call, which come first.
void AddLeft(Suite& suite) {
  suite.Add("sft_nll", "twice, left with the device", [](Case& c, Random& r) {
    FillSft(c, 300, LogProbs(300, r), r.Uniform(300, 0.0, 0.1));
    c.HostOutput("again", 1);
    c.run = [](const Call& a) {
      double both[2] = {};
      for (int i = 0; i < 2; ++i) {
        const outright_status status = a.api.sft_nll(a.device, a("logp"), a("weights"), a("g"), 300, nullptr);
        if (status != OUTRIGHT_OK) return status;
      }
      const outright_status taken = a.api.take_results(a.device, both, 2);
      *a.Host("loss") = both[0];
      *a.Host("again") = both[1];
      return taken;
    };
    c.oracle = [](Values& a) {
      *a["loss"] = *a["again"] = oracle::SftNll(a["logp"], a["weights"], a["g"], 300);
    };
  });
  for (const int64_t P : {3, 0, 2000}) {
    suite.Add("dpo_sigmoid", std::to_string(P) + ", left with the device", [=](Case& c, Random& r) {
      const Preferences pairs = RandomPreferences(P, r);
      FillDpo(c, pairs, 0.1, 0.25);
      c.run = [=, N = pairs.N](const Call& a) {
        double* metrics = a.Host("metrics");
        outright_status status = a.api.dpo_sigmoid(a.device, a("logp"), a("offsets"), a.Host("reference"),
                                                   a("g"), nullptr, N, P, 0.1, 0.25, nullptr);
        if (status != OUTRIGHT_OK) return status;
        status = a.api.take_results(a.device, metrics, 6 * P);
        double losses = 0;
        for (int64_t p = 0; p < P; ++p) losses += metrics[6 * p + 5];
        *a.Host("total") = 0.25 * losses;
        return status;
      };
    });
  }
}

// Another count than what waits is refused, and what is forgotten does not wait.
std::string CheckCounts(Device& device) {
  Random random(Hash("counts"));
  Case c;
  FillSft(c, 4, LogProbs(4, random), Filled(4, 0.25));
  c.run = [](const Call& a) { return a.api.sft_nll(a.device, a("logp"), a("weights"), a("g"), 4, nullptr); };
  Execution execution(device, c);
  if (execution.Run() != OUTRIGHT_OK) return device.LastError();
  const outright_backend& api = device.api();
  double taken[2] = {};
  for (const int64_t count : {0, 2})
    if (api.take_results(device.get(), taken, count) != OUTRIGHT_INVALID)
      return "a wrong count is not refused";
  if (api.take_results(device.get(), taken, 1) != OUTRIGHT_OK) return device.LastError();
  if (execution.Run() != OUTRIGHT_OK) return device.LastError();
  if (api.take_results(device.get(), nullptr, 0) != OUTRIGHT_OK) return device.LastError();
  return Expect(api.take_results(device.get(), taken, 0) == OUTRIGHT_OK, "what was forgotten still waits");
}

void AddInvalid(Suite& suite) {
  const auto refuse = [&](const std::string& name, std::vector<int32_t> offsets, const std::string& mention) {
    suite.Add("sequence_sums", name, [=](Case& c, Random& r) {
      FillSums(c, 8, LogProbs(8, r), offsets);
      c.expected = OUTRIGHT_INVALID;
      c.mention = mention;
    });
    suite.Add("dpo_sigmoid", name, [=](Case& c, Random& r) {
      FillDpo(c, {8, 2, LogProbs(8, r), Zeros(4), offsets}, 0.1, 1.0);
      c.expected = OUTRIGHT_INVALID;
      c.mention = mention;
    });
  };
  refuse("offsets that decrease", {0, 4, 2, 6, 8}, "2");
  refuse("an offset beyond N", {0, 2, 4, 6, 9}, "9");
  refuse("a negative offset", {-1, 2, 4, 6, 8}, "-1");
}

}  // namespace

void AddLosses(Suite& suite) {
  AddSft(suite);
  AddSums(suite);
  AddDpo(suite);
  AddLeft(suite);
  AddInvalid(suite);
  suite.checks.push_back(
      {"dpo_sigmoid", "policy = reference gives margin 0 and loss ln 2", CheckPolicyIsReference});
  suite.checks.push_back({"sft_nll", "numbers that wait are counted", CheckCounts});
  suite.checks.push_back({"dpo_sigmoid", "swapping chosen and rejected flips the margin", CheckSwap});
  suite.AddPerf("sft_nll", "100000",
                [](Case& c, Random& r) { FillSft(c, 100000, LogProbs(100000, r), Filled(100000, 1e-5)); });
}

}  // namespace outright::test
