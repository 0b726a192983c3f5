/** What a step makes its thread wait for, and what is left when a loss is not finite. */
import { join } from "node:path";
import type { PairExample, SftExample } from "@outright/data";
import { createPolicy } from "@outright/policies";
import type { NativeDevice } from "@outright/tensor";
import {
  AdamW,
  type BatchOptions,
  type BatchResult,
  loadModel,
  type Objective,
  openDevice,
  runDpoBatch,
  runSftBatch,
  type Trained,
  trainStep,
} from "@outright/trainer";
import { expect, it } from "vitest";

const goldens = join(import.meta.dirname, "../../../test/goldens");
const ids = (...values: number[]) => Int32Array.from(values);
const sft: SftExample[] = [1, 2, 3].map((row) => ({
  row,
  promptIds: ids(1, 2, 3),
  responseIds: ids(4 + row, 5, 6),
  responseEnds: true,
}));
const pairs: PairExample[] = [1, 2, 3].map((row) => ({
  row,
  promptIds: ids(7, 8),
  chosenIds: ids(9, 10 + row),
  rejectedIds: ids(11, 12, 13),
  chosenEnds: true,
  rejectedEnds: true,
}));

type Batch = (model: Trained["model"], options: BatchOptions) => BatchResult;
const objective = (name: "sft" | "dpo", nextBatch: Batch) =>
  ({ name, kind: name, nextRows: () => [1, 2, 3], nextBatch }) as unknown as Objective;

/** A run of both objectives on a golden model, one example a micro-batch. */
function begin(wrap?: (native: NativeDevice) => NativeDevice) {
  const device = openDevice({ device: "cpu", threads: 1 }, wrap);
  const { model } = loadModel(device, join(goldens, "models/llama-nano"));
  const optimizer = new AdamW(model.parameters, {
    name: "adamw",
    betas: [0.9, 0.95],
    eps: 1e-8,
    weightDecay: 0,
    lr: 1e-3,
    clip: 1,
  });
  const objectives = [
    objective("sft", (on, options) => runSftBatch(on, sft, "token-mean", options)),
    objective("dpo", (on, options) => runDpoBatch(on, pairs, new Float64Array(6).fill(-20), 0.1, options)),
  ];
  const policy = createPolicy(
    { name: "mix", lambda: 0.5 },
    { objectives, steps: 10, uniform: { next: () => 0 } as never },
  );
  const trained: Trained = { model, optimizer, policy, objectives, identity: "" };
  const step = (number: number) =>
    trainStep(
      trained,
      {
        tokensPerMicroBatch: 8,
        schedule: { name: "constant", warmup: 0 } as never,
        optimizer: { lr: 1e-3 } as never,
        steps: 10,
        seed: 0,
      },
      number,
    );
  return { device, model, optimizer, step };
}

it("a step reads nothing from the device before its update, and its losses at once", () => {
  const calls: string[] = [];
  const { device, step } = begin(
    (native) =>
      new Proxy(native, {
        get: (target, name: keyof NativeDevice) => {
          const call = target[name];
          if (typeof call !== "function") return call;
          return (...args: never[]) => {
            calls.push(name);
            return (call as (...args: never[]) => unknown).apply(target, args);
          };
        },
      }),
  );
  calls.length = 0;
  const { losses, gradNorm } = step(1);
  expect(gradNorm).toBeGreaterThan(0);
  for (const loss of Object.values(losses)) expect(loss).toBeGreaterThan(0);
  const waits = calls.filter((name) =>
    /^(read|takeResults|sequenceSums|globalNorm|adamWClipped)$/.test(name),
  );
  expect(calls.filter((name) => name === "sftNll" || name === "dpoSigmoid")).toHaveLength(6);
  expect(waits).toEqual(["adamWClipped", "takeResults"]);
  device.close();
});

it("a loss that is not finite ends the step, with weights, moments and their count as they were", () => {
  const { device, model, optimizer, step } = begin();
  step(1);
  const norm = model.parameters.at(-1);
  if (norm === undefined) throw new Error("a model without parameters");
  norm.fill(Number.NaN);
  const state = () =>
    [...model.parameters, ...optimizer.m, ...optimizer.v].map((tensor) => tensor.toFloat32());
  const before = state();
  expect(() => step(2)).toThrow('step 2: the loss of objective "sft" is NaN on rows 1, 2, 3');
  expect(state()).toEqual(before);
  expect(optimizer.updates).toBe(1);
  device.close();
});
