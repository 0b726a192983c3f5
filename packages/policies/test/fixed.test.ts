import { createPolicy, type PolicyConfig, type PolicyContext } from "@outright/policies";
import { describe, expect, it } from "vitest";
import { uniform } from "./uniform.js";

const CONTEXT: PolicyContext = {
  objectives: [
    { name: "sft", kind: "sft" },
    { name: "dpo", kind: "dpo" },
  ],
  steps: 6,
  uniform,
};
const TRIPLE: PolicyContext = {
  ...CONTEXT,
  objectives: [...CONTEXT.objectives, { name: "safe", kind: "dpo" }],
};

function decisions(config: PolicyConfig, steps: number, context = CONTEXT) {
  const policy = createPolicy(config, context);
  return Array.from({ length: steps }, (_, i) => {
    expect(policy.probes(i + 1)).toEqual([]);
    const decision = policy.decide(i + 1, {});
    policy.observe(i + 1, Object.fromEntries(Object.keys(decision.weights).map((name) => [name, 1])));
    const copy = createPolicy(config, context);
    copy.restore(JSON.parse(JSON.stringify(policy.state())));
    expect(copy.decide(i + 1, {})).toEqual(decision);
    return decision;
  });
}

describe("Single", () => {
  it("trains its objective at every step", () => {
    expect(decisions({ name: "single", objective: "dpo" }, 3)).toEqual(
      Array(3).fill({ weights: { dpo: 1 } }),
    );
  });
});

describe("Sequential", () => {
  const stages = [
    { objective: "dpo", steps: 2 },
    { objective: "sft", steps: 1 },
    { objective: "dpo", steps: 3 },
  ];
  const dpo = { weights: { dpo: 1 } };
  const sft = { weights: { sft: 1 } };
  const fresh = { freshOptimizer: true };

  it("goes through its stages (Algorithm 1), with a new optimizer at each later one", () => {
    const expected = [dpo, dpo, { ...sft, ...fresh }, { ...dpo, ...fresh }, dpo, dpo];
    expect(decisions({ name: "sequential", stages, freshOptimizer: true }, 6)).toEqual(expected);
    expect(decisions({ name: "sequential", stages }, 6)).toEqual(expected);
  });

  it("keeps the optimizer where asked", () => {
    expect(decisions({ name: "sequential", stages, freshOptimizer: false }, 6)).toEqual([
      dpo,
      dpo,
      sft,
      dpo,
      dpo,
      dpo,
    ]);
  });

  it("ends with its last stage", () => {
    const policy = createPolicy({ name: "sequential", stages }, CONTEXT);
    expect(policy.objectives).toEqual(["dpo", "sft"]);
    expect(() => policy.decide(7, {})).toThrow(
      "policy.stages: step 7 is beyond the last stage, which ends at step 6",
    );
    expect(() => createPolicy({ name: "sequential", stages }, { ...CONTEXT, steps: 7 })).toThrow(
      "policy.stages: they sum to 6 steps, the run has 7; make them agree",
    );
  });
});

describe("Mix", () => {
  it("weighs DPO by lambda and SFT by 1 - lambda at every step", () => {
    expect(decisions({ name: "mix", lambda: 0.3 }, 3)).toEqual(
      Array(3).fill({ weights: { sft: 0.7, dpo: 0.3 } }),
    );
  });

  it("takes any number of objectives; only the ratios of weights count", () => {
    const weights = { sft: 2, dpo: 1, safe: 1 };
    expect(decisions({ name: "mix", weights }, 1, TRIPLE)).toEqual([
      { weights: { sft: 0.5, dpo: 0.25, safe: 0.25 } },
    ]);
  });

  it("leaves out objectives of weight 0", () => {
    expect(decisions({ name: "mix", lambda: 0 }, 1)).toEqual([{ weights: { sft: 1 } }]);
    expect(decisions({ name: "mix", lambda: 1 }, 1)).toEqual([{ weights: { dpo: 1 } }]);
  });
});

describe("configs that do not fit", () => {
  const refused: [string, PolicyConfig, RegExp, PolicyContext?][] = [
    [
      "an unknown name",
      { name: "mixx" } as unknown as PolicyConfig,
      /^policy\.name: "mixx" is unknown; there are single,/,
    ],
    [
      "an unknown objective",
      { name: "single", objective: "x" },
      /^policy\.objective: no objective is called "x"; there are sft, dpo$/,
    ],
    ["no stages", { name: "sequential", stages: [] }, /^policy\.stages: empty/],
    [
      "a stage's objective",
      { name: "sequential", stages: [{ objective: "x", steps: 6 }] },
      /^policy\.stages\[0\]\.objective: /,
    ],
    [
      "a stage's steps",
      { name: "sequential", stages: [{ objective: "sft", steps: 0.5 }] },
      /^policy\.stages\[0\]\.steps: 0\.5 is not/,
    ],
    ["lambda above 1", { name: "mix", lambda: 1.5 }, /^policy\.lambda: 1\.5 is not between 0 and 1/],
    ["lambda NaN", { name: "mix", lambda: Number.NaN }, /^policy\.lambda: NaN/],
    [
      "lambda with three objectives",
      { name: "mix", lambda: 0.5 },
      /^policy\.lambda: needs exactly one sft and one dpo objective, found sft \(sft\), dpo \(dpo\), safe \(dpo\)/,
      TRIPLE,
    ],
    [
      "lambda and weights",
      { name: "alright", lambda: 0.5, weights: { sft: 1, dpo: 1 } },
      /^policy: both lambda and weights/,
    ],
    ["neither", { name: "maxright" }, /^policy: neither lambda nor weights/],
    ["a missing weight", { name: "mix", weights: { sft: 1 } }, /^policy\.weights\.dpo: missing/],
    [
      "a foreign weight",
      { name: "mix", weights: { sft: 1, dpo: 1, x: 1 } },
      /^policy\.weights\.x: no such objective/,
    ],
    [
      "a negative weight",
      { name: "mix", weights: { sft: 1, dpo: -1 } },
      /^policy\.weights\.dpo: -1 is not a number of 0 or more/,
    ],
    ["weights of 0", { name: "mix", weights: { sft: 0, dpo: 0 } }, /^policy\.weights: their sum is 0/],
    ["every", { name: "maxright", lambda: 0.5, every: 0 }, /^policy\.every: 0 is not a whole number/],
    ["gaps", { name: "maxright", lambda: 0.5, gaps: "old" as "fresh" }, /^policy\.gaps: "old" is unknown/],
    ["decay", { name: "maxright", lambda: 0.5, decay: 1 }, /^policy\.decay: 1 is not in/],
    [
      "a foreign optimum",
      { name: "maxright", lambda: 0.5, optima: { x: 1 } },
      /^policy\.optima\.x: no objective is called "x"/,
    ],
    [
      "an infinite optimum",
      { name: "maxright", lambda: 0.5, optima: { sft: Number.POSITIVE_INFINITY } },
      /^policy\.optima\.sft: Infinity/,
    ],
  ];
  for (const [what, config, message, context = CONTEXT] of refused) {
    it(`refuses ${what} in one line`, () => {
      expect(() => createPolicy(config, context)).toThrow(message);
      expect(() => createPolicy(config, context)).toThrow(/^[^\n]+$/);
    });
  }
});
