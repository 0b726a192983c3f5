import type { FinishedRow, SweepSummary } from "outright";
import { describe, expect, it } from "vitest";
import { claims } from "../dist/claims.js";
import { difference, increase, side, verdict } from "../dist/compare.js";
import { comparisonPage } from "../dist/page.js";

const SEEDS = [1, 2, 3, 4, 5];
const LAMBDAS = [0.25, 0.5, 0.75];

/** What a method does at a λ; a seed adds the same to all methods, and a little of its own. */
interface Made {
  distance: number;
  gaps: { sft: number; dpo: number };
  seconds: number;
  bytes: number;
}

function row(
  curve: string,
  lambda: number,
  seed: number,
  { distance, gaps, seconds, bytes }: Made,
): FinishedRow {
  const off = seed / 10 + (((seed * 7) % 5) - 2) / 1000;
  const outcome = {
    losses: gaps,
    gaps,
    scaledGaps: gaps,
    idealDistance: distance + off,
    scaledDistance: distance + off,
  };
  return {
    ...{
      version: 1,
      status: "finished",
      id: `${curve}-${lambda}-${seed}`,
      curve,
      label: curve,
      lambda,
      seed,
    },
    ...{
      method: "mix",
      every: null,
      heldout: outcome,
      train: outcome,
      steps: 10,
      stepsPerObjective: {},
      tokens: seconds,
    },
    ...{ lossTokens: 1, pairs: 1, seconds: seconds + seed, cpuUtilization: 1, gpuUtilization: null },
    ...{ peakTensorBytes: bytes, peakRssBytes: bytes },
  };
}

/** A world in which every claim of the paper is true. */
const PAPERS: Record<string, (lambda: number) => Made> = {
  "sequential-dpo-sft": () => ({ distance: 0.9, gaps: { sft: 0.1, dpo: 0.9 }, seconds: 100, bytes: 100 }),
  "sequential-sft-dpo": () => ({ distance: 0.8, gaps: { sft: 0.9, dpo: 0.1 }, seconds: 100, bytes: 100 }),
  mix: () => ({ distance: 0.2, gaps: { sft: 0.1, dpo: 0.1 }, seconds: 140, bytes: 101 }),
  "mix-one-pass": () => ({ distance: 0.2, gaps: { sft: 0.1, dpo: 0.1 }, seconds: 140, bytes: 190 }),
  alright: (lambda) => ({
    distance: 0.6 - lambda / 2,
    gaps: { sft: 0.2, dpo: 0.2 },
    seconds: 101,
    bytes: 101,
  }),
  "maxright-k1": () => ({ distance: 0.15, gaps: { sft: 0.2, dpo: 0.2 }, seconds: 175, bytes: 101 }),
  "maxright-k10": () => ({ distance: 0.18, gaps: { sft: 0.2, dpo: 0.2 }, seconds: 103, bytes: 101 }),
  "maxright-k100": () => ({ distance: 0.19, gaps: { sft: 0.2, dpo: 0.2 }, seconds: 101, bytes: 101 }),
  "maxright-k1000": () => ({ distance: 0.6, gaps: { sft: 0.2, dpo: 0.2 }, seconds: 100, bytes: 101 }),
};

const rowsOf = (world: typeof PAPERS): FinishedRow[] =>
  Object.entries(world).flatMap(([curve, made]) =>
    LAMBDAS.flatMap((lambda) => SEEDS.map((seed) => row(curve, lambda, seed, made(lambda)))),
  );

describe("differences between methods", () => {
  const rows = rowsOf(PAPERS);

  it("are taken seed by seed: what a seed adds to both falls out", () => {
    const of = ({ heldout }: FinishedRow) => heldout.idealDistance;
    const found = difference(rows, { curve: "mix", lambda: 0.5 }, { curve: "alright", lambda: 0.5 }, of);
    expect(found?.n).toBe(5);
    expect(found?.mean).toBeCloseTo(0.2 - 0.35, 12);
    expect((found?.high ?? 1) - (found?.low ?? 0)).toBeLessThan(1e-9);
  });

  it("leave out a seed that one side lacks", () => {
    const fewer = rows.filter(({ curve, seed }) => curve !== "mix" || seed < 3);
    const time = ({ seconds }: FinishedRow) => seconds;
    const found = increase(
      fewer,
      { curve: "mix", lambda: 0.5 },
      { curve: "sequential-dpo-sft", lambda: 0.5 },
      time,
    );
    expect(found?.n).toBe(2);
    expect(found?.mean).toBeCloseTo((100 * (141 / 101 + 142 / 102)) / 2 - 100, 10);
  });

  it("are undecided where the interval holds the bound, or there is but one seed", () => {
    expect(side({ mean: 1, low: -1, high: 3, n: 5 }, 0)).toBe("undecided");
    expect(side({ mean: 1, low: 1, high: 1, n: 1 }, 0)).toBe("undecided");
    expect(side(null, 0)).toBe("undecided");
    expect(side({ mean: 9, low: 8, high: 9.5, n: 5 }, 10)).toBe("below");
  });
});

describe("a verdict", () => {
  it.each([
    [["below", "below"], "holds"],
    [["below", "above"], "holds in part"],
    [["below", "undecided"], "holds in part"],
    [["above", "undecided"], "does not hold"],
    [["undecided", "undecided"], "undecided"],
    [["above", "above"], "does not hold"],
    [[], "undecided"],
  ] as const)("of %j where below is claimed: %s", (sides, expected) => {
    expect(verdict(sides, "below").word).toBe(expected);
  });
});

describe("the paper's claims", () => {
  it("all hold in a world made so", () => {
    for (const { title, verdicts } of claims(rowsOf(PAPERS)))
      for (const { word } of verdicts) expect(`${title}: ${word}`).toBe(`${title}: holds`);
  });

  it("do not hold where the numbers are the other way round", () => {
    const flipped = Object.fromEntries(
      Object.entries(PAPERS).map(([curve, made]) => [
        curve,
        (lambda: number): Made => {
          const { distance, gaps, seconds, bytes } = made(lambda);
          return {
            distance: 1 - distance,
            gaps: { sft: -gaps.sft, dpo: -gaps.dpo },
            seconds: 300 - seconds,
            bytes: 300 - bytes,
          };
        },
      ]),
    );
    const held = claims(rowsOf(flipped)).filter(({ verdicts }) =>
      verdicts.some(({ word }) => word === "holds"),
    );
    // how far distances spread over λ, and what costs less than before, are the same or better
    expect(held.map(({ title }) => title)).toEqual([
      "Where MAXRIGHT ends depends less on λ than where ALRIGHT does",
      "ALRIGHT and MAXRIGHT K=10 cost at most 10 % more training time than training one after the other",
      "ALRIGHT and MAXRIGHT K=10 cost at most 10 % more memory than training one after the other",
      "MAXRIGHT with K = 10 or 100 costs at most 10 % of it",
    ]);
  });

  it("are told on a page with every interval, the date, the device and the command", () => {
    const summary = {
      ...{ seeds: SEEDS, lambdas: LAMBDAS, budget: { by: "steps", amount: 10 }, answer: ["Nearest: Mix."] },
      ...{
        optima: { heldout: { sft: 1.5, dpo: 0.06 }, train: null },
        base: { heldout: { sft: 3, dpo: 0.69 }, train: null },
      },
    } as unknown as SweepSummary;
    const where = { date: "2026-01-02", command: "pnpm start DATA", device: "a processor" };
    const page = comparisonPage(rowsOf(PAPERS), summary, where);
    expect(page).toContain("Made on 2026-01-02 by `pnpm start DATA` on a processor.");
    expect(page).toContain("SFT 1.5000 held out");
    expect(page).toContain("| DPO then SFT, λ = 0.25 | −0.710 | −0.700 ± 0.000 |");
    expect(page).toContain("| K = 1 | about +75 |");
    expect(page).toContain("- Nearest: Mix.");
    expect(page).not.toMatch(/NaN|undefined|null/);
  });
});
