/** What bfloat16 costs in accuracy: log-probs beside float64 (test/goldens/README.md), 100 steps beside float32's. */
import { type FlatRow, packPairs, packSft } from "@outright/data";
import { type LanguageModel, trainableParameters } from "@outright/models";
import { type Device, scope, sequenceSums, Tensor } from "@outright/tensor";
import { openDevice, rowLogprobs, runDpoBatch, runSftBatch } from "@outright/trainer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GOLDEN_MODELS, goldenAdamW, goldenNumbers, goldenRows, loadGolden } from "./support/goldens.js";

const STEPS = 100;
/**
 * Weights that begin as bfloat16 lie in the middle of what rounds to them, so that the first updates of 1e-4 change the
 * masters and no weight of size 0.1: the run lags behind float32's by a few steps.
 */
const stepError = (name: string) => (name.endsWith("-bf16") ? 0.03 : 0.01);

interface Expected {
  sft: { sequence_logp: number[] };
  dpo: { logp_chosen: number[]; logp_rejected: number[] };
}

let device: Device;
beforeAll(() => {
  device = openDevice({ device: "cpu" });
});
afterAll(() => device.close());

/** Σ log π of every sequence. */
const sums = (model: LanguageModel, rows: readonly FlatRow[]) =>
  rows.flatMap((row) => [
    ...scope(() => sequenceSums(rowLogprobs(model, row), Tensor.from(device, row.sequenceOffsets))),
  ]);

for (const name of GOLDEN_MODELS) {
  describe(`${name} in bfloat16`, async () => {
    const expected = goldenNumbers(name) as Expected;
    const { sft, dpo } = await goldenRows(name);

    it("log-probs of sequences within 0.5 % of float64", () => {
      const model = loadGolden(device, name, "bfloat16");
      const given = [
        ...sums(model, packSft(sft, 4096)),
        ...sums(model, packPairs(dpo, 4096, { sharedPrompt: true })),
      ];
      model.dispose();
      const { logp_chosen, logp_rejected } = expected.dpo;
      const wanted = [
        ...expected.sft.sequence_logp,
        ...logp_chosen.flatMap((chosen, pair) => [chosen, logp_rejected[pair] as number]),
      ];
      expect(given.length).toBe(wanted.length);
      const errors = wanted.map((value, i) => Math.abs(((given[i] as number) - value) / value));
      expect(Math.max(...errors)).toBeLessThan(0.005);
      expect(Math.max(...errors)).toBeGreaterThan(1e-7); // it was bfloat16
    });

    it(`losses of ${STEPS} steps of Mix within ${100 * stepError(name)} % of float32's`, () => {
      const losses = (dtype: "float32" | "bfloat16") => {
        const model = loadGolden(device, name, dtype);
        const reference = Float64Array.from(sums(model, packPairs(dpo, 4096, { sharedPrompt: true })));
        const optimizer = goldenAdamW(trainableParameters(model), 1e-4);
        const options = { weight: 0.5, train: true, tokensPerMicroBatch: 4096 };
        const made = Array.from({ length: STEPS }, () => {
          optimizer.zeroGradients();
          const likelihood = runSftBatch(model, sft, "token-mean", options).loss;
          const preference = runDpoBatch(model, dpo, reference, 0.1, options).loss;
          optimizer.update(1e-4);
          return { likelihood, preference, whole: (likelihood + preference) / 2 };
        });
        optimizer.dispose();
        model.dispose();
        return made;
      };
      const precise = losses("float32");
      const short = losses("bfloat16");
      const errors = precise.map(({ whole }, i) => Math.abs((short[i]?.whole as number) / whole - 1));
      expect(Math.max(...errors)).toBeLessThan(stepError(name));
      expect(Math.max(...errors)).toBeGreaterThan(1e-7);
      // no margin at step 0, and it learns
      expect(precise[0]?.preference).toBe(Math.LN2);
      expect(short[0]?.preference).toBe(Math.LN2);
      expect(precise.at(-1)?.whole).toBeLessThan(0.99 * (precise[0]?.whole as number));
    });
  });
}
