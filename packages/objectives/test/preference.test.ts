/** Every preference loss against its equation written out, finite differences, and TRL's own numbers. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  completeLoss,
  dpoLoss,
  type GivenLoss,
  lossProblems,
  type Pair,
  PREFERENCE_LOSSES,
  type PreferenceLoss,
  pairLoss,
  partOf,
  preferenceLoss,
  usesReference,
} from "@outright/objectives";
import { Device, scope, Tensor } from "@outright/tensor";
import { afterAll, describe, expect, it } from "vitest";

const device = Device.open({ backend: "cpu" });
afterAll(() => device.close());

/** Two answers of unlike length: margins of both signs, certain and not. */
const pairs: Pair[] = [
  {
    chosen: { logp: -7.5, reference: -9, tokens: 4 },
    rejected: { logp: -6, reference: -4.5, tokens: 3 },
    quality: 1.5,
  },
  {
    chosen: { logp: -41, reference: -30, tokens: 17 },
    rejected: { logp: -2.25, reference: -3, tokens: 1 },
    quality: -0.5,
  },
  {
    chosen: { logp: -0.02, reference: -8, tokens: 5 },
    rejected: { logp: -90, reference: -60, tokens: 30 },
    quality: 0,
  },
];

const every: GivenLoss[] = [
  { loss: "sigmoid", beta: 0.3 },
  { loss: "sigmoid", beta: 0.3, labelSmoothing: 0.2 },
  { loss: "sigmoid", beta: 2, lengthNormalised: true },
  { loss: "ipo", beta: 0.3 },
  { loss: "ipo", beta: 0.3, lengthNormalised: false },
  { loss: "hinge", beta: 0.3 },
  { loss: "hinge", beta: 1, lengthNormalised: true },
  { loss: "robust", beta: 0.3, labelSmoothing: 0.1 },
  { loss: "robust", beta: 0.3, labelSmoothing: 0.4, lengthNormalised: true },
  { loss: "mmpo", beta: 0.3 },
  { loss: "mmpo", beta: 0.3, marginScale: 2, lengthNormalised: true },
  { loss: "simpo" },
  { loss: "simpo", beta: 1.5, margin: 0 },
  { loss: "orpo" },
  { loss: "orpo", beta: 2 },
];

const named = (given: GivenLoss) =>
  Object.entries(given)
    .map(([key, value]) => (key === "loss" ? value : `${key} ${value}`))
    .join(", ");

describe("the loss of a pair", () => {
  const σ = (x: number) => 1 / (1 + Math.exp(-x));
  /** as the papers write them, from π and π_ref of whole answers */
  const closed: Record<string, (pair: Pair, settings: never) => number> = {
    sigmoid: (
      { chosen: w, rejected: l },
      { beta, labelSmoothing: ε }: { beta: number; labelSmoothing: number },
    ) => {
      const h = beta * (w.logp - w.reference) - beta * (l.logp - l.reference);
      return -(1 - ε) * Math.log(σ(h)) - ε * Math.log(σ(-h));
    },
    ipo: ({ chosen: w, rejected: l }, { beta: τ }: { beta: number }) =>
      ((w.logp - w.reference) / w.tokens - (l.logp - l.reference) / l.tokens - 1 / (2 * τ)) ** 2,
    hinge: ({ chosen: w, rejected: l }, { beta }: { beta: number }) =>
      Math.max(0, 1 - beta * (w.logp - w.reference - (l.logp - l.reference))),
    robust: (pair, { beta, labelSmoothing: ε }: { beta: number; labelSmoothing: number }) => {
      const plain = (p: Pair) =>
        -Math.log(σ(beta * (p.chosen.logp - p.chosen.reference - (p.rejected.logp - p.rejected.reference))));
      const swapped = { ...pair, chosen: pair.rejected, rejected: pair.chosen };
      return ((1 - ε) * plain(pair) - ε * plain(swapped)) / (1 - 2 * ε);
    },
    mmpo: (
      { chosen: w, rejected: l, quality },
      { beta, marginScale: γ }: { beta: number; marginScale: number },
    ) => {
      const p = 1 / (1 + Math.exp(-γ * quality));
      const h = beta * (w.logp - w.reference - l.logp + l.reference);
      return -(p * Math.log(σ(h)) + (1 - p) * Math.log(σ(-h)));
    },
    simpo: ({ chosen: w, rejected: l }, { beta, margin: γ }: { beta: number; margin: number }) =>
      -Math.log(σ((beta / w.tokens) * w.logp - (beta / l.tokens) * l.logp - γ)),
    orpo: ({ chosen: w, rejected: l }, { beta: λ }: { beta: number }) => {
      const odds = ({ logp, tokens }: Pair["chosen"]) => {
        const p = Math.exp(logp / tokens);
        return p / (1 - p);
      };
      return -λ * Math.log(σ(Math.log(odds(w) / odds(l))));
    },
  };

  it.each([
    { loss: "sigmoid" },
    { loss: "sigmoid", labelSmoothing: 0.3 },
    { loss: "ipo" },
    { loss: "hinge" },
    { loss: "robust", labelSmoothing: 0.2 },
    { loss: "mmpo", marginScale: 0.7 },
    { loss: "simpo", margin: 0.6 },
    { loss: "orpo" },
  ] as GivenLoss[])("$loss equals its equation", (given) => {
    const settings = completeLoss(given);
    for (const pair of pairs) {
      const wanted = closed[settings.loss]?.(pair, settings as never) as number;
      expect(Math.abs(pairLoss(pair, settings).loss - wanted)).toBeLessThan(1e-12 * Math.max(1, wanted));
    }
  });

  it.each(every.map((given) => [named(given), given] as const))(
    "%s: slopes are those of finite differences, by either answer",
    (_, given) => {
      const settings = completeLoss(given);
      for (const pair of pairs) {
        const { slopeChosen, slopeRejected } = pairLoss(pair, settings);
        const slope = (side: "chosen" | "rejected") => {
          const at = (delta: number) =>
            pairLoss({ ...pair, [side]: { ...pair[side], logp: pair[side].logp + delta } }, settings).loss;
          return (at(1e-5) - at(-1e-5)) / 2e-5;
        };
        const scale = Math.max(1, Math.abs(slopeChosen), Math.abs(slopeRejected));
        expect(Math.abs(slope("chosen") - slopeChosen)).toBeLessThan(1e-7 * scale);
        expect(Math.abs(slope("rejected") - slopeRejected)).toBeLessThan(1e-7 * scale);
      }
    },
  );

  it.each(every.map((given) => [named(given), given] as const))(
    "%s: is finite at the ends of float32's log-probs",
    (_, given) => {
      const settings = completeLoss(given);
      const answer = (logp: number) => ({ logp, reference: -3, tokens: 2 });
      for (const [w, l] of [
        [-3000, -1e-6],
        [-1e-6, -3000],
        [0, -3000],
        [0, -1],
        [-3000, -3000],
      ] as const) {
        const result = pairLoss({ chosen: answer(w), rejected: answer(l), quality: 30 }, settings);
        for (const value of Object.values(result)) expect(value).toSatisfy(Number.isFinite);
      }
    },
  );

  it("draws ORPO's and IPO's pair the right way, and stops hinge's where the margin is reached", () => {
    const [first] = pairs as [Pair];
    for (const given of every) {
      const { slopeChosen, slopeRejected, margin } = pairLoss(first, completeLoss(given));
      if (margin < 0.5) expect(slopeChosen, named(given)).toBeLessThan(0);
      if (margin < 0.5) expect(slopeRejected, named(given)).toBeGreaterThan(0);
    }
    const certain = pairLoss(pairs[2] as Pair, completeLoss({ loss: "hinge", beta: 1 }));
    expect([certain.loss, Math.abs(certain.slopeChosen)]).toEqual([0, 0]);
  });

  it("is the plain sigmoid loss where nothing is smoothed, flipped or graded", () => {
    for (const pair of pairs) {
      const plain = pairLoss(pair, completeLoss({}));
      expect(pairLoss(pair, completeLoss({ loss: "robust", labelSmoothing: 0 })).loss).toBeCloseTo(
        plain.loss,
        12,
      );
      const sure = { ...pair, quality: 1000 };
      expect(pairLoss(sure, completeLoss({ loss: "mmpo" })).loss).toBeCloseTo(plain.loss, 12);
    }
  });
});

interface Fixture {
  logp: number[][];
  reference: number[];
  cases: { settings: GivenLoss; loss: number; g: number[][] }[];
}
const trl = JSON.parse(
  readFileSync(join(import.meta.dirname, "fixtures/trl-losses.json"), "utf8"),
) as Fixture;

/** Answers end to end, as a micro-batch holds them. */
function flat(answers: readonly (readonly number[])[]): { values: Float64Array; offsets: Int32Array } {
  const offsets = Int32Array.from({ length: answers.length + 1 }, (_, s) =>
    answers.slice(0, s).reduce((sum, { length }) => sum + length, 0),
  );
  return { values: Float64Array.from(answers.flat()), offsets };
}

describe("TRL 1.13", () => {
  const answers = trl.logp.map((logp, s) => ({
    logp: logp.reduce((sum, value) => sum + value, 0),
    tokens: logp.length,
    reference: trl.reference[s] as number,
  }));
  const P = answers.length / 2;
  const chosenTokens = answers.reduce((sum, { tokens }, s) => sum + (s % 2 === 0 ? tokens : 0), 0);

  it.each(trl.cases.map((one) => [named(one.settings), one] as const))(
    "%s: the same loss and the same gradient",
    (_, { settings: given, loss, g }) => {
      const settings = completeLoss(given);
      let sum = 0;
      for (let p = 0; p < P; p++) {
        const [chosen, rejected] = answers.slice(2 * p, 2 * p + 2) as [Pair["chosen"], Pair["chosen"]];
        const pair = pairLoss({ chosen, rejected, quality: 0 }, settings);
        sum += pair.loss / P - (settings.nll * chosen.logp) / chosenTokens;
        for (const value of g[2 * p] as number[])
          expect(value).toBeCloseTo(pair.slopeChosen / P - settings.nll / chosenTokens, 12);
        for (const value of g[2 * p + 1] as number[]) expect(value).toBeCloseTo(pair.slopeRejected / P, 12);
      }
      expect(sum).toBeCloseTo(loss, 12);
    },
  );

  it.each(trl.cases.map((one) => [named(one.settings), one] as const))(
    "%s: so does the micro-batch, up to float32",
    (_, { settings: given, loss, g }) => {
      const settings = completeLoss(given);
      const reference = usesReference(settings.loss) ? Float64Array.from(trl.reference) : null;
      const { values, offsets } = flat(trl.logp);
      scope(() => {
        const logp = Tensor.from(device, Float32Array.from(values));
        const result = preferenceLoss(logp, offsets, { reference, quality: null }, settings, {
          pairs: P,
          chosenTokens,
        });
        expect(Math.abs(result.loss / loss - 1)).toBeLessThan(1e-6);
        const wanted = flat(g).values;
        result.g.toFloat32().forEach((value, n) => {
          expect(Math.abs(value - (wanted[n] as number))).toBeLessThan(2e-6);
        });
      });
    },
  );
});

describe("a micro-batch", () => {
  const { values, offsets } = flat(trl.logp);
  const logp32 = Float32Array.from(values);
  const quality = Float64Array.of(1, -2, 0.5, 3);
  const counts = { pairs: 6, chosenTokens: 40 };
  const factsOf = ({ loss }: PreferenceLoss) => ({
    reference: usesReference(loss) ? Float64Array.from(trl.reference) : null,
    quality: loss === "mmpo" ? quality : null,
  });

  it.each(
    [...every, { loss: "ipo", nll: 0.4 }, { loss: "sigmoid", nll: 2 }].map(
      (given) => [named(given as GivenLoss), given] as const,
    ),
  )("%s: its parts add up to it, counts being those of the step", (_, given) => {
    const settings = completeLoss(given as GivenLoss);
    const facts = factsOf(settings);
    scope(() => {
      const run = (from: number, to: number) => {
        const [first, last] = [offsets[2 * from] as number, offsets[2 * to] as number];
        const part = offsets.slice(2 * from, 2 * to + 1).map((offset) => offset - first);
        const logp = Tensor.from(device, logp32.slice(first, last));
        return preferenceLoss(logp, part, partOf(facts, from, to), settings, counts, 0.3);
      };
      const whole = run(0, 4);
      const parts = [run(0, 1), run(1, 3), run(3, 4)];
      expect(parts.reduce((sum, { loss }) => sum + loss, 0)).toBeCloseTo(whole.loss, 12);
      expect(parts.flatMap(({ pairs }) => pairs)).toEqual(whole.pairs);
      expect(parts.flatMap(({ g }) => [...g.toFloat32()])).toEqual([...whole.g.toFloat32()]);
      // weight and counts are factors
      const logp = Tensor.from(device, logp32);
      const alone = preferenceLoss(logp, offsets, facts, settings, counts);
      expect(whole.loss).toBeCloseTo(0.3 * alone.loss, 12);
    });
  });

  it("whose loss is not finite has no gradient that could be learned from", () => {
    scope(() => {
      const logp = Tensor.from(
        device,
        logp32.map((value, n) => (n === 0 ? Number.NEGATIVE_INFINITY : value)),
      );
      const settings = completeLoss({ loss: "hinge" });
      const result = preferenceLoss(logp, offsets, factsOf(settings), settings, counts);
      expect(Number.isFinite(result.loss)).toBe(false);
      expect(new Set(result.g.toFloat32())).toEqual(new Set([Number.NaN]));
    });
  });

  it("of DPO's own loss is the kernel's, to the bit", () => {
    scope(() => {
      const logp = Tensor.from(device, logp32);
      const reference = Float64Array.from(trl.reference);
      const own = dpoLoss(logp, offsets, reference, { beta: 0.1, pairs: 4, weight: 0.7 });
      const settings = completeLoss({ beta: 0.1 });
      const facts = { reference, quality: null };
      const general = preferenceLoss(logp, offsets, facts, settings, { pairs: 4, chosenTokens: 15 }, 0.7);
      expect([general.loss, general.pairs]).toEqual([own.loss, own.pairs]);
      expect(general.g.toFloat32()).toEqual(own.g.toFloat32());
      // and the plain one beside it agrees with the kernel
      const slow = preferenceLoss(
        logp,
        offsets,
        facts,
        { ...settings, nll: 1e-300 },
        { pairs: 4, chosenTokens: 15 },
        0.7,
      );
      expect(slow.loss).toBeCloseTo(own.loss, 12);
      slow.g.toFloat32().forEach((value, n) => {
        expect(value).toBeCloseTo(own.g.toFloat32()[n] as number, 7);
      });
    });
  });
});

describe("settings", () => {
  it("have the defaults of their loss", () => {
    expect(PREFERENCE_LOSSES.filter((loss) => !usesReference(loss))).toEqual(["simpo", "orpo"]);
    expect(completeLoss({})).toEqual({
      loss: "sigmoid",
      beta: 0.1,
      nll: 0,
      labelSmoothing: 0,
      lengthNormalised: false,
    });
    expect(completeLoss({ loss: "ipo", nll: 0.5 })).toEqual({
      loss: "ipo",
      beta: 0.1,
      nll: 0.5,
      lengthNormalised: true,
    });
    expect(completeLoss({ loss: "orpo" })).toEqual({ loss: "orpo", beta: 0.1, nll: 1 });
    expect(completeLoss({ loss: "simpo" })).toEqual({ loss: "simpo", beta: 2, nll: 0, margin: 1 });
  });

  it("that a loss does not have are refused, and one that it needs is asked for", () => {
    expect(lossProblems({ loss: "ipo", margin: 1, beta: 2, lengthNormalised: false })).toEqual([
      { setting: "margin", message: "loss ipo has no such setting, it belongs to simpo; leave it out" },
    ]);
    expect(lossProblems({ loss: "robust" }).map(({ setting }) => setting)).toEqual(["labelSmoothing"]);
    expect(lossProblems({ labelSmoothing: 0 })).toEqual([]);
  });
});
