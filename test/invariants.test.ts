/** What must hold for ever (design, sections 3 and 4): packing changes no bit, accumulation no gradient, equal models no margin. */
import { join } from "node:path";
import {
  type FlatRow,
  loadDataset,
  loadTokenizer,
  type PairExample,
  packPairs,
  packSft,
  type SftExample,
} from "@outright/data";
import type { LanguageModel } from "@outright/models";
import { type Device, scope } from "@outright/tensor";
import { loadModel, openDevice, rowLogprobs, runDpoBatch, runSftBatch } from "@outright/trainer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const goldens = join(import.meta.dirname, "goldens");
const bits = (values: Float32Array) =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("hex");

function relativeL2(a: Float32Array, b: Float32Array): number {
  let error = 0;
  let size = 0;
  for (let i = 0; i < b.length; i++) {
    error += ((a[i] as number) - (b[i] as number)) ** 2;
    size += (b[i] as number) ** 2;
  }
  return size === 0 ? error : Math.sqrt(error / size);
}

for (const dtype of ["float32", "bfloat16"] as const) {
  for (const name of ["llama-nano", "neox-nano"]) {
    describe(`${name}, ${dtype}`, async () => {
      let device: Device;
      let model: LanguageModel;
      const directory = join(goldens, "models", name);
      const tokenizer = await loadTokenizer(directory);
      const common = { tokenizer, template: "plain", maxLength: 512 } as const;
      const sft = (
        await loadDataset({ ...common, kind: "sft", format: "alpaca", path: join(goldens, "rows/sft.jsonl") })
      ).examples as SftExample[];
      const dpo = (
        await loadDataset({ ...common, kind: "dpo", format: "pairs", path: join(goldens, "rows/dpo.jsonl") })
      ).examples as PairExample[];

      beforeAll(() => {
        device = openDevice({ device: "cpu", threads: 2 });
        model = loadModel(device, directory, "pretrained", 0, { dtype }).model;
      });
      afterAll(() => {
        model.dispose();
        device.close();
      });

      /** log-prob bits of every sequence, in order, whatever the rows */
      const sequences = (rows: readonly FlatRow[], on: LanguageModel = model): string[] =>
        rows.flatMap((row) => {
          const logp = scope(() => rowLogprobs(on, row).toFloat32());
          return Array.from({ length: row.sequenceOffsets.length - 1 }, (_, s) =>
            bits(logp.slice(row.sequenceOffsets[s], row.sequenceOffsets[s + 1])),
          );
        });

      const gradients = (body: () => unknown): Map<string, Float32Array> => {
        for (const parameter of model.parameters) parameter.gradient().fill(0);
        body();
        return new Map(
          model.parameters.map((parameter) => [parameter.name, parameter.gradient().toFloat32()]),
        );
      };
      const expectClose = (a: Map<string, Float32Array>, b: Map<string, Float32Array>) => {
        // the key bias has no true gradient outside the rotary dimensions: rounding only
        for (const [parameter, values] of a) {
          if (parameter.endsWith("query_key_value.bias")) continue;
          expect(relativeL2(values, b.get(parameter) as Float32Array), parameter).toBeLessThan(1e-6);
        }
      };

      it("packed = unpacked, bit for bit", () => {
        const alone = sequences(packSft(sft, 0));
        expect(alone.length).toBe(sft.length);
        expect(sequences(packSft(sft, 4096))).toEqual(alone);
        expect(sequences(packSft(sft, 100))).toEqual(alone);
        const reversed = sequences(packSft([...sft].reverse(), 4096));
        expect(reversed.reverse()).toEqual(alone);
      });

      it("shared prompt = unshared, bit for bit", () => {
        const alone = sequences(packPairs(dpo, 0, { sharedPrompt: false }));
        expect(alone.length).toBe(2 * dpo.length);
        for (const budget of [0, 150, 4096]) {
          expect(sequences(packPairs(dpo, budget, { sharedPrompt: true }))).toEqual(alone);
          expect(sequences(packPairs(dpo, budget, { sharedPrompt: false }))).toEqual(alone);
        }
      });

      it("the number of threads changes no bit", () => {
        const two = sequences(packPairs(dpo, 4096, { sharedPrompt: true }));
        for (const threads of [1, 3]) {
          const other = openDevice({ device: "cpu", threads });
          const same = loadModel(other, directory, "pretrained", 0, { dtype }).model;
          expect(sequences(packPairs(dpo, 4096, { sharedPrompt: true }), same)).toEqual(two);
          same.dispose();
          other.close();
        }
      });

      it("two runs give the same gradient bits", () => {
        const run = () =>
          gradients(() =>
            runSftBatch(model, sft, "token-mean", { weight: 1, train: true, tokensPerMicroBatch: 128 }),
          );
        const first = run();
        for (const [parameter, values] of run())
          expect(bits(values), parameter).toBe(bits(first.get(parameter) as Float32Array));
      });

      it("shared prompt = unshared in the gradient", () => {
        const reference = new Float64Array(2 * dpo.length).fill(-100);
        const shared = gradients(() =>
          runDpoBatch(model, dpo, reference, 0.1, { weight: 1, train: true, tokensPerMicroBatch: 4096 }),
        );
        const split = gradients(() =>
          runDpoBatch(model, dpo, reference, 0.1, { weight: 1, train: true, tokensPerMicroBatch: 1 }),
        );
        expectClose(shared, split);
      });

      it("8 × 1 = 1 × 8 under accumulation, in Mix too", () => {
        const reference = new Float64Array(2 * dpo.length).fill(-100);
        for (const loss of ["token-mean", "example-mean"] as const) {
          const mix = (tokensPerMicroBatch: number) =>
            gradients(() => {
              runSftBatch(model, sft, loss, { weight: 0.7, train: true, tokensPerMicroBatch });
              runDpoBatch(model, dpo, reference, 0.1, { weight: 0.3, train: true, tokensPerMicroBatch });
            });
          expectClose(mix(4096), mix(1));
        }
      });

      it("policy = reference: margin exactly 0, loss ln 2 to the last bit of float32, and no preference in the metrics", () => {
        const sums = Float64Array.from(
          packPairs(dpo, 0, { sharedPrompt: false }).flatMap((row) => {
            const logp = scope(() => rowLogprobs(model, row).toFloat32());
            return [0, 1].map((s) =>
              logp.slice(row.sequenceOffsets[s], row.sequenceOffsets[s + 1]).reduce((sum, x) => sum + x, 0),
            );
          }),
        );
        // reduce over a Float32Array adds in float64, in order, as the kernels do
        const { loss, rewards } = runDpoBatch(model, dpo, sums, 0.1, {
          weight: 1,
          train: false,
          tokensPerMicroBatch: 4096,
        });
        expect(rewards).toEqual({ chosen: 0, rejected: 0, margin: 0, accuracy: 0.5 });
        expect(Math.fround(loss)).toBe(Math.fround(Math.LN2));
      });

      it("after a step nothing but parameters and gradients is alive", () => {
        const run = () =>
          runSftBatch(model, sft, "token-mean", { weight: 1, train: true, tokensPerMicroBatch: 128 });
        run();
        const before = device.memory();
        for (let i = 0; i < 5; i++) run();
        expect(device.memory().liveBuffers).toBe(before.liveBuffers);
        expect(device.memory().liveBytes).toBe(before.liveBytes);
      });
    });
  }
}
