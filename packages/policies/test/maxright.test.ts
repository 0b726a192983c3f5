import { createPolicy, type Decision, type Policy, type PolicyConfig } from "@outright/policies";
import { describe, expect, it } from "vitest";
import { ScriptedLosses, uniform } from "./uniform.js";

const OBJECTIVES = [
  { name: "dpo", kind: "dpo" },
  { name: "sft", kind: "sft" },
];
const START = { sft: 1.95, dpo: 1.06 };
const OPTIMA = { sft: 1.498, dpo: 0.0522 };

interface Step {
  chosen: string;
  s: [sft: number, dpo: number];
  forwards: number;
}

/**
 * The authors' trainer, line by line (reference paper.md, section 3, MAXRIGHT 1-4), with K counted in global steps and
 * with the smoothed variant of ours beside it.
 */
function transcription(lambda: number, K: number, steps: number, smoothed: boolean): Step[] {
  const losses = new ScriptedLosses(START, OPTIMA);
  const names = ["sft", "dpo"] as const;
  const w = [1 - lambda, lambda] as const;
  const f = [0, 0]; // what is known of each loss
  const trace: Step[] = [];
  for (let step = 0; step < steps; step++) {
    let forwards = 0;
    if (step === 0 || (!smoothed && step % K === 0)) {
      for (const i of [0, 1] as const) f[i] = losses.at(names[i], step + 1);
      forwards = 2;
    }
    const s0 = w[0] * ((f[0] as number) - OPTIMA.sft);
    const s1 = w[1] * ((f[1] as number) - OPTIMA.dpo);
    const index = s1 > s0 ? 1 : 0;
    const loss = losses.at(names[index], step + 1);
    f[index] = smoothed ? 0.9 * (f[index] as number) + (1 - 0.9) * loss : loss;
    losses.train(names[index]);
    trace.push({ chosen: names[index], s: [s0, s1], forwards });
  }
  return trace;
}

/** Drives a policy through the same scripted losses; `between` may exchange it before any step. */
function drive(policy: Policy, steps: number, between = (policy: Policy, _step: number) => policy): Step[] {
  const losses = new ScriptedLosses(START, OPTIMA);
  const trace: Step[] = [];
  let current = policy;
  for (let step = 1; step <= steps; step++) {
    current = between(current, step);
    const probes = current.probes(step);
    const probed = Object.fromEntries(probes.map((name) => [name, losses.at(name, step)]));
    const { weights, gaps } = current.decide(step, probed) as Required<Decision>;
    const [chosen] = Object.keys(weights) as [string];
    expect(weights).toEqual({ [chosen]: 1 });
    current.observe(step, { [chosen]: losses.at(chosen, step) });
    losses.train(chosen);
    trace.push({ chosen, s: [gaps.sft as number, gaps.dpo as number], forwards: probes.length });
  }
  return trace;
}

function maxright(config: Partial<Extract<PolicyConfig, { name: "maxright" }>> = {}): Policy {
  return createPolicy(
    { name: "maxright", ...(config.weights ? {} : { lambda: 0.5 }), optima: OPTIMA, ...config },
    { objectives: OBJECTIVES, steps: 300, uniform },
  );
}

describe("MAXRIGHT", () => {
  for (const every of [1, 3, 10]) {
    for (const lambda of [0.25, 0.5, 0.75]) {
      it(`decides as the authors' trainer does, K = ${every}, lambda = ${lambda}`, () => {
        const expected = transcription(lambda, every, 300, false);
        expect(new Set(expected.map((step) => step.chosen)).size).toBe(2); // a script that never switches shows nothing
        expect(drive(maxright({ lambda, every }), 300)).toEqual(expected);
      });
    }
  }

  it("with smoothed gaps follows the moving averages and probes at step 1 only", () => {
    const expected = transcription(0.5, 10, 300, true);
    const actual = drive(maxright({ every: 10, gaps: "smoothed" }), 300);
    expect(actual).toEqual(expected);
    expect(new Set(actual.map((step) => step.chosen)).size).toBe(2);
    expect(actual.reduce((sum, step) => sum + step.forwards, 0)).toBe(2);
  });

  it("notices swapped weights: lambda weighs DPO", () => {
    const meanGaps = (lambda: number) => {
      const last = drive(maxright({ lambda }), 300).slice(-100);
      const mean = (i: 0 | 1, weight: number) =>
        last.reduce((sum, { s }) => sum + s[i] / weight, 0) / last.length;
      return { sft: mean(0, 1 - lambda), dpo: mean(1, lambda) };
    };
    expect(meanGaps(0.75).dpo).toBeLessThan(0.8 * meanGaps(0.25).dpo);
    expect(meanGaps(0.75).sft).toBeGreaterThan(1.2 * meanGaps(0.25).sft);
    const gaps = maxright({ lambda: 0.25, optima: {} }).decide(1, { sft: 1, dpo: 1 }).gaps;
    expect(gaps).toEqual({ sft: 0.75, dpo: 0.25 });
  });

  it("gives ties to SFT whatever the order of the config", () => {
    for (const objectives of [OBJECTIVES, [...OBJECTIVES].reverse()]) {
      const policy = createPolicy({ name: "maxright", lambda: 0.5 }, { objectives, steps: 1, uniform });
      expect(policy.decide(1, { sft: 0.7, dpo: 0.7 }).weights).toEqual({ sft: 1 });
    }
  });

  it("keeps the gap of the objective that was not trained stale between refreshes", () => {
    const policy = maxright({ every: 3, optima: {} });
    expect(policy.probes(1)).toEqual(["dpo", "sft"]);
    expect(policy.decide(1, { sft: 2, dpo: 1 }).weights).toEqual({ sft: 1 });
    policy.observe(1, { sft: 2 });
    expect(policy.probes(2)).toEqual([]);
    expect(policy.decide(2, {}).gaps).toEqual({ sft: 1, dpo: 0.5 });
    policy.observe(2, { sft: 0.8 });
    expect(policy.decide(3, {})).toEqual({ weights: { dpo: 1 }, gaps: { sft: 0.4, dpo: 0.5 } });
    policy.observe(3, { dpo: 0.9 });
    expect(policy.probes(4)).toEqual(["dpo", "sft"]);
    expect(policy.decide(4, { sft: 3, dpo: 0.1 })).toEqual({
      weights: { sft: 1 },
      gaps: { sft: 1.5, dpo: 0.05 },
    });
  });

  for (const gaps of ["fresh", "smoothed"] as const) {
    it(`saved and restored before any step it goes on as if uninterrupted, ${gaps} gaps`, () => {
      const expected = drive(maxright({ every: 10, gaps }), 60);
      const restored = drive(maxright({ every: 10, gaps }), 60, (policy) => {
        const next = maxright({ every: 10, gaps });
        next.restore(JSON.parse(JSON.stringify(policy.state())));
        return next;
      });
      expect(restored).toEqual(expected);
    });
  }

  it("balances three objectives by their weighted gaps", () => {
    const objectives = [
      { name: "chat", kind: "sft" },
      { name: "helpful", kind: "dpo" },
      { name: "harmless", kind: "dpo" },
    ];
    const weights = { chat: 1, helpful: 2, harmless: 1 };
    const policy = createPolicy({ name: "maxright", weights, every: 1 }, { objectives, steps: 9, uniform });
    expect(policy.objectives).toEqual(["chat", "helpful", "harmless"]);
    expect(policy.decide(1, { chat: 1, helpful: 0.6, harmless: 1.1 })).toEqual({
      weights: { helpful: 1 },
      gaps: { chat: 0.25, helpful: 0.3, harmless: 0.275 },
    });
    expect(policy.decide(2, { chat: 1, helpful: 0.4, harmless: 1.1 }).weights).toEqual({ harmless: 1 });
    expect(policy.decide(3, { chat: 1.2, helpful: 0.4, harmless: 1.1 }).weights).toEqual({ chat: 1 });
  });

  it("refuses losses that cannot be compared, and a state that is not its own", () => {
    expect(() => maxright().decide(1, { sft: 1 })).toThrow(
      'policy maxright: the loss of "dpo" was not measured at step 1',
    );
    expect(() => maxright().decide(1, { sft: Number.NaN, dpo: 1 })).toThrow(/"sft" is NaN at step 1/);
    const policy = maxright();
    policy.decide(1, { sft: 1, dpo: 1 });
    expect(() => policy.observe(1, { sft: Number.POSITIVE_INFINITY })).toThrow(/"sft" is Infinity at step 1/);
    expect(() => policy.restore({ name: "mix" })).toThrow(
      /saved state is of policy "mix", this run has "maxright"/,
    );
    expect(() => policy.restore({ name: "maxright" })).toThrow(/has no losses/);
    expect(() => policy.restore({ name: "maxright", losses: { other: 1 } })).toThrow(/"other"/);
  });
});
