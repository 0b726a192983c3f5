import type { MetricsLine } from "@outright/trainer";
import { describe, expect, it } from "vitest";
import { byDistance, findings, type Measured } from "../../src/quickstart/findings.js";

const optima = { sft: 0.1, dpo: 0.2 };
const marks = { rightAnswers: 0.5, rightRefusals: 0.25, wrongRefusals: 0, byKind: {} };

/** A run of four steps, two of each objective, with held-out losses [SFT, DPO] at its start, middle and end. */
function run(name: string, losses: [number, number][], order: [string, string] = ["sft", "dpo"]): Measured {
  const evals = losses.map(
    ([sft, dpo], i): MetricsLine => ({ type: "eval", step: 2 * i, losses: { sft, dpo }, seconds: 1 }),
  );
  const steps = [1, 2, 3, 4].map((step) => ({
    type: "step" as const,
    step,
    objective: order[step > 2 ? 1 : 0],
  })) as unknown as MetricsLine[];
  const [start, middle, end] = evals as [MetricsLine, MetricsLine, MetricsLine];
  return {
    name,
    marks,
    lines: [start, ...steps.slice(0, 2), middle, ...steps.slice(2), end],
  };
}

const told = (...measured: Measured[]): string => findings(measured, optima).join("\n");

describe("findings", () => {
  it("says how much of the first stage's gain a sequential run lost, from the losses at their boundary", () => {
    const text = told(
      run("sft-then-dpo", [
        [2, 0.7],
        [0.5, 2],
        [1.25, 0.3],
      ]),
    );
    expect(text).toBe(
      "sft-then-dpo: held-out SFT loss 2.000 → 0.500 in its SFT steps → 1.250 after the DPO steps: it forgot 50 % of what it had gained; 50 % of its answers are right.",
    );
  });

  it("looks at DPO where DPO came first, and beside the run that trained it alone", () => {
    const alone = {
      ...run("dpo-only", [
        [2, 0.7],
        [2, 0.2],
        [2, 0.2],
      ]),
      marks: { ...marks, rightRefusals: 1 },
    };
    const text = told(
      run(
        "dpo-then-sft",
        [
          [2, 0.7],
          [3, 0.3],
          [0.1, 4],
        ],
        ["dpo", "sft"],
      ),
      alone,
    );
    expect(text).toContain("held-out DPO loss 0.700 → 0.300 in its DPO steps → 4.000 after the SFT steps");
    expect(text).toContain("it forgot all that it had gained and more");
    expect(text).toContain("25 % of forbidden requests are refused (dpo-only: 100 %)");
  });

  it("says so where nothing was forgotten, or nothing gained", () => {
    expect(
      told(
        run("sft-then-dpo", [
          [2, 0.7],
          [0.5, 2],
          [0.4, 0.3],
        ]),
      ),
    ).toContain("no forgetting here, unlike the paper");
    expect(
      told(
        run("sft-then-dpo", [
          [2, 0.7],
          [2.5, 2],
          [2.4, 0.3],
        ]),
      ),
    ).toContain("nothing to forget");
  });

  const near = (name: string, sft: number): Measured =>
    run(name, [
      [2, 0.7],
      [1, 1],
      [sft, 0.2],
    ]);

  it("ranks the methods by their distance to the ideal point, single runs left out", () => {
    const all = [near("sft-only", 0.1), near("mix", 0.4), near("alright", 0.3), near("sft-then-dpo", 1.1)];
    expect(byDistance(all, optima).map(({ name }) => name)).toEqual(["alright", "mix", "sft-then-dpo"]);
    expect(told(...all)).toContain("alright 0.20, mix 0.30, sft-then-dpo 1.00: as in the paper");
  });

  it("names the joint runs that end no nearer than a sequential one", () => {
    const all = [near("mix", 1.2), near("alright", 0.3), near("sft-then-dpo", 1.1)];
    expect(told(...all)).toContain("unlike in the paper, mix ends no nearer than sft-then-dpo");
  });
});
