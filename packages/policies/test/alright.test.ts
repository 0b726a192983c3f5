import { createPolicy, type PolicyConfig } from "@outright/policies";
import { describe, expect, it } from "vitest";
import { uniform } from "./uniform.js";

const PAIR = [
  { name: "sft", kind: "sft" },
  { name: "dpo", kind: "dpo" },
];
const TRIPLE = [...PAIR, { name: "safe", kind: "dpo" }];
const DRAWS = 4000;

function drawn(config: PolicyConfig, step: number, objectives = PAIR, numbers = uniform): string {
  const policy = createPolicy(config, { objectives, steps: DRAWS, uniform: numbers });
  expect(policy.probes(step)).toEqual([]);
  const { weights, gaps, freshOptimizer } = policy.decide(step, {});
  expect([gaps, freshOptimizer]).toEqual([undefined, undefined]);
  expect(Object.values(weights)).toEqual([1]);
  return Object.keys(weights)[0] as string;
}

function share(config: PolicyConfig, objective: string, objectives = PAIR): number {
  let count = 0;
  for (let step = 1; step <= DRAWS; step++) if (drawn(config, step, objectives) === objective) count++;
  return count / DRAWS;
}

/** Half the width of the band in which 99.9 % of fair coins fall. */
const tolerance = (p: number) => 3.3 * Math.sqrt((p * (1 - p)) / DRAWS);

describe("ALRIGHT", () => {
  it("draws DPO exactly where Bernoulli(lambda) is 1, as Algorithm 2 says", () => {
    for (const lambda of [0.01, 0.25, 0.5, 0.75, 0.99]) {
      for (let step = 1; step <= 500; step++) {
        const bernoulli = uniform(step) < lambda ? 1 : 0;
        expect(drawn({ name: "alright", lambda }, step)).toBe(bernoulli === 1 ? "dpo" : "sft");
      }
    }
  });

  it("draws each objective with its probability; a coin biased by 10 % would be noticed", () => {
    for (const lambda of [0.5, 0.75]) {
      expect(Math.abs(share({ name: "alright", lambda }, "dpo") - lambda)).toBeLessThan(tolerance(lambda));
      const biased = share({ name: "alright", lambda: 1.1 * lambda }, "dpo");
      expect(Math.abs(biased - lambda)).toBeGreaterThan(tolerance(lambda));
    }
  });

  it("draws n objectives by their weights, and one of weight 0 never", () => {
    const weights = { sft: 5, dpo: 3, safe: 2 };
    for (const [name, weight] of Object.entries(weights)) {
      const p = weight / 10;
      expect(Math.abs(share({ name: "alright", weights }, name, TRIPLE) - p)).toBeLessThan(tolerance(p));
    }
    expect(share({ name: "alright", weights: { sft: 5, dpo: 0, safe: 5 } }, "dpo", TRIPLE)).toBe(0);
  });

  it("says the same by lambda and by weights, and in any order of the objectives", () => {
    const swapped = [...PAIR].reverse();
    for (let step = 1; step <= 200; step++) {
      const byLambda = drawn({ name: "alright", lambda: 0.25 }, step);
      expect(drawn({ name: "alright", weights: { sft: 3, dpo: 1 } }, step)).toBe(byLambda);
      expect(drawn({ name: "alright", lambda: 0.25 }, step, swapped)).toBe(byLambda);
    }
  });

  it("keeps to the edges: lambda 0 and 1, and the largest number below 1", () => {
    const largest = () => 1 - 2 ** -53;
    for (const numbers of [() => 0, largest]) {
      expect(drawn({ name: "alright", lambda: 0 }, 1, PAIR, numbers)).toBe("sft");
      expect(drawn({ name: "alright", lambda: 1 }, 1, PAIR, numbers)).toBe("dpo");
    }
    // 0.1 added ten times is less than 1: the last objective takes the rest.
    const many = Array.from({ length: 10 }, (_, i) => ({ name: `o${i}`, kind: "sft" }));
    const weights = Object.fromEntries(many.map(({ name }) => [name, 1]));
    expect(drawn({ name: "alright", weights }, 1, many, largest)).toBe("o9");
  });

  it("draws by the step alone, so that a resumed run draws the same", () => {
    const config = { name: "alright", lambda: 0.5 } as const;
    const context = { objectives: PAIR, steps: 50, uniform };
    const first = createPolicy(config, context);
    for (let step = 1; step <= 20; step++) first.decide(step, {});
    const resumed = createPolicy(config, context);
    resumed.restore(JSON.parse(JSON.stringify(first.state())));
    for (let step = 21; step <= 50; step++) expect(resumed.decide(step, {})).toEqual(first.decide(step, {}));
  });
});
