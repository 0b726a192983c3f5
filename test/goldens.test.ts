/**
 * Reference numbers made with PyTorch and transformers in float64 (test/goldens/README.md): logits, log-probs, losses,
 * every gradient, and the weights after four AdamW steps of each kind.
 */
import { openSafetensors } from "@outright/checkpoint";
import { packPairs, packSft } from "@outright/data";
import { GptNeoX, type LanguageModel, trainableParameters } from "@outright/models";
import { type Device, gatherRows, linear, scope, Tensor } from "@outright/tensor";
import { openDevice, rowLogprobs, runDpoBatch, runSftBatch, uploadInput } from "@outright/trainer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  GOLDEN_MODELS,
  goldenAdamW,
  goldenNumbers,
  goldenRows,
  goldenTensors,
  loadGolden,
} from "./support/goldens.js";

interface Stats {
  shape: number[];
  norm: number;
  abs_max: number;
  samples: [number, number][];
}
interface Kind {
  loss: number;
  grad_norm: number;
  grads: Record<string, Stats>;
}
interface Expected {
  sft: Kind & { sequence_logp: number[]; scored_tokens: number };
  dpo: Kind &
    Record<"logp_chosen" | "logp_rejected" | "ref_logp_chosen" | "ref_logp_rejected" | "margin", number[]>;
  mix: Kind;
  train: Record<
    string,
    { steps: { objective: string; loss: number; grad_norm: number }[]; params: Record<string, Stats> }
  >;
}

const relative = (given: number, wanted: number) => Math.abs(given - wanted) / Math.abs(wanted);

function relativeL2(given: ArrayLike<number>, wanted: ArrayLike<number>): number {
  let error = 0;
  let size = 0;
  for (let i = 0; i < wanted.length; i++) {
    error += ((given[i] as number) - (wanted[i] as number)) ** 2;
    size += (wanted[i] as number) ** 2;
  }
  return Math.sqrt(error / size);
}

const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));

/**
 * Entries that have a true gradient. The part of a key projection's bias outside the rotary dimensions has none (softmax
 * ignores a constant), so what stands there is rounding, and after AdamW steps it is anything.
 */
function meaningful(model: LanguageModel, name: string): (index: number) => boolean {
  if (!(model instanceof GptNeoX) || !name.endsWith("query_key_value.bias")) return () => true;
  const { headSize, rotaryDims } = model.config;
  return (index) => {
    const within = index % (3 * headSize);
    return within < headSize + rotaryDims || within >= 2 * headSize;
  };
}

/** transformers 5 calls GPT-NeoX's output matrix lm_head; the files have always called it embed_out. */
const goldenName = (name: string) => name.replace("embed_out.weight", "lm_head.weight");

let device: Device;
beforeAll(() => {
  device = openDevice({ device: "cpu" });
});
afterAll(() => device.close());

for (const name of GOLDEN_MODELS) {
  describe(name, async () => {
    const expected = goldenNumbers(name) as Expected;
    const file = openSafetensors(goldenTensors(name));
    const { sft, dpo } = await goldenRows(name);
    const reference = Float64Array.from(
      expected.dpo.ref_logp_chosen.flatMap((chosen, p) => [
        chosen,
        expected.dpo.ref_logp_rejected[p] as number,
      ]),
    );

    const withModel = <R>(body: (model: LanguageModel) => R): R => {
      const model = loadGolden(device, name);
      try {
        return body(model);
      } finally {
        model.dispose();
      }
    };
    const options = { train: true, tokensPerMicroBatch: 4096 };
    const runSft = (model: LanguageModel, weight = 1) =>
      runSftBatch(model, sft, "token-mean", { ...options, weight });
    const runDpo = (model: LanguageModel, weight = 1) =>
      runDpoBatch(model, dpo, reference, 0.1, { ...options, weight });
    /** gradients of one kind of step; returns its loss */
    const run = (model: LanguageModel, kind: string): number => {
      if (kind === "sft") return runSft(model).loss;
      if (kind === "dpo") return runDpo(model).loss;
      return 0.7 * runSft(model, 0.7).loss + 0.3 * runDpo(model, 0.3).loss;
    };

    for (const kind of ["sft", "dpo"] as const) {
      it(`${kind}: logits within 2e-5`, () => {
        withModel((model) => {
          const ids = file.readInt32(`${kind}/input_ids`);
          const mask = file.readInt32(`${kind}/attention_mask`);
          const width = file.tensors.get(`${kind}/input_ids`)?.shape[1] as number;
          const positions = file.readInt32(`${kind}/logit_positions`);
          const wanted = file.readFloat32(`${kind}/logits`);
          const V = model.vocabSize;
          for (let i = 0; i < positions.length / 2; i++) {
            const sequence = positions[2 * i] as number;
            const real = mask
              .subarray(sequence * width, (sequence + 1) * width)
              .reduce((sum, bit) => sum + bit, 0);
            const context = ids.subarray(sequence * width, sequence * width + real);
            const given = scope(() => {
              // one more token behind, since the last of a row is a target and no input
              const [row] = packSft(
                [{ row: 0, promptIds: context, responseIds: Int32Array.of(0), responseEnds: true }],
                0,
              );
              if (row === undefined) throw new Error("no row");
              const hidden = model.hiddenStates(uploadInput(device, row));
              return linear(
                gatherRows(hidden, Tensor.from(device, Int32Array.of(positions[2 * i + 1] as number))),
                model.head,
              ).toFloat32();
            });
            for (let v = 0; v < V; v++)
              expect(Math.abs((given[v] as number) - (wanted[i * V + v] as number))).toBeLessThan(2e-5);
          }
        });
      });

      it(`${kind}: log-probs within 2e-5 per token, 1e-4 per sequence`, () => {
        withModel((model) => {
          const [row] = kind === "sft" ? packSft(sft, 4096) : packPairs(dpo, 4096, { sharedPrompt: true });
          if (row === undefined) throw new Error("no row");
          const logp = scope(() => rowLogprobs(model, row).toFloat32());
          const wanted = file.readFloat32(`${kind}/token_logp`);
          const labels = file.readInt32(`${kind}/completion_mask`);
          const width = file.tensors.get(`${kind}/token_logp`)?.shape[1] as number;
          const sequences = row.sequenceOffsets.length - 1;
          for (let s = 0; s < sequences; s++) {
            // files list all chosen answers first, rows hold each pair's two together
            const line = kind === "sft" ? s : (s % 2) * (sequences / 2) + Math.floor(s / 2);
            const scored = Array.from({ length: width }, (_, t) => t).filter(
              (t) => labels[line * (width + 1) + t + 1] === 1,
            );
            const from = row.sequenceOffsets[s] as number;
            expect((row.sequenceOffsets[s + 1] as number) - from).toBe(scored.length);
            let sum = 0;
            let wantedSum = 0;
            scored.forEach((t, n) => {
              const given = logp[from + n] as number;
              expect(Math.abs(given - (wanted[line * width + t] as number))).toBeLessThan(2e-5);
              sum += given;
              wantedSum += wanted[line * width + t] as number;
            });
            expect(Math.abs(sum - wantedSum)).toBeLessThan(1e-4);
          }
        });
      });
    }

    for (const kind of ["sft", "dpo", "mix"] as const) {
      it(`${kind}: loss within 1e-6, gradients within 1e-4`, () => {
        withModel((model) => {
          const parameters = trainableParameters(model);
          for (const parameter of parameters) parameter.gradient();
          expect(relative(run(model, kind), expected[kind].loss)).toBeLessThan(1e-6);
          expect(new Set(Object.keys(expected[kind].grads))).toEqual(
            new Set(parameters.map((parameter) => goldenName(parameter.name))),
          );
          for (const parameter of parameters) {
            const given = parameter.gradient().toFloat32();
            const wanted = expected[kind].grads[goldenName(parameter.name)] as Stats;
            const counts = meaningful(model, parameter.name);
            expect(relative(norm(given), wanted.norm), `norm of ${parameter.name}`).toBeLessThan(1e-4);
            for (const [index, value] of wanted.samples.filter(([at]) => counts(at))) {
              expect(Math.abs((given[index] as number) - value), `${parameter.name}[${index}]`).toBeLessThan(
                1e-4 * wanted.abs_max,
              );
            }
            const whole = `${kind}/grad/${goldenName(parameter.name)}`;
            if (file.tensors.has(whole)) {
              const all = (values: Float32Array) => values.filter((_, at) => counts(at));
              expect(relativeL2(all(given), all(file.readFloat32(whole))), parameter.name).toBeLessThan(1e-4);
            }
          }
        });
      });
    }

    for (const kind of Object.keys(expected.train)) {
      it(`${kind}: four AdamW steps`, () => {
        withModel((model) => {
          const { steps, params } = expected.train[kind] as Expected["train"][string];
          const parameters = trainableParameters(model);
          const optimizer = goldenAdamW(parameters, 1e-3);
          for (const step of steps) {
            optimizer.zeroGradients();
            expect(relative(run(model, step.objective), step.loss)).toBeLessThan(2e-5);
            expect(relative(optimizer.update(1e-3), step.grad_norm)).toBeLessThan(1e-4);
          }
          optimizer.dispose();
          for (const parameter of parameters) {
            const given = parameter.toFloat32();
            const wanted = params[goldenName(parameter.name)] as Stats;
            const counts = meaningful(model, parameter.name);
            const complete = given.every((_, at) => counts(at));
            if (complete)
              expect(relative(norm(given), wanted.norm), `norm of ${parameter.name}`).toBeLessThan(1e-5);
            for (const [index, value] of wanted.samples.filter(([at]) => counts(at))) {
              expect(Math.abs((given[index] as number) - value), `${parameter.name}[${index}]`).toBeLessThan(
                1e-4 * wanted.abs_max,
              );
            }
            const whole = `train/${kind}/${goldenName(parameter.name)}`;
            if (file.tensors.has(whole)) {
              const all = (values: Float32Array) => values.filter((_, at) => counts(at));
              expect(relativeL2(all(given), all(file.readFloat32(whole))), parameter.name).toBeLessThan(1e-5);
            }
          }
        });
      });
    }
  });
}
