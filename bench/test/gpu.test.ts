/** What is judged on a GPU: operations of a step, peaks by name, and goals that hold on Hopper alone. */
import { describe, expect, it } from "vitest";
import { gpuGoals } from "../lib/goals.js";
import { dataSheetPeak } from "../lib/gpu-peaks.js";
import { leastRows, pairsOf, stepFlops } from "../lib/mfu.js";

const ids = (...list: number[]) => Int32Array.from(list);
const sft = [{ row: 0, promptIds: ids(1, 2, 3), responseIds: ids(4, 5), responseEnds: true }];
const dpo = [{ row: 0, promptIds: ids(1, 2), chosenIds: ids(3, 4), rejectedIds: ids(5) }];
const shape = {
  ...{ vocab_size: 100, hidden_size: 8, num_hidden_layers: 2, num_attention_heads: 2 },
  intermediate_size: 16,
};

describe("model FLOP/s utilisation", () => {
  it("counts a row by hand: blocks, the head on scored tokens, visible pairs", () => {
    const rows = leastRows(sft, [], 64);
    // 3 + 2 tokens of which the last predicts nothing: T = 4, N = 2, and 1 + 2 + 3 + 4 pairs
    expect(rows.map(({ tokens, targets }) => [tokens, targets.length])).toEqual([[4, 2]]);
    expect(rows.map(pairsOf)).toEqual([10]);
    // per block: keys and values 2·8·8, queries and output 2·8·8, two matrices 8·16
    const linear = 4 * 128 * 2 + (4 * 1 + 2) * (128 + 256);
    const attention = 12 * 8 * 10 * (1 + 2 / 4);
    expect(stepFlops(shape, rows, false)).toBe(6 * (linear + 2 * 8 * 100) + attention);
    expect(stepFlops(shape, rows, true)).toBe(4 * (linear + 2 * 8 * 100) + attention);
  });

  it("counts three matrices of a gated block, and fewer keys where heads share them", () => {
    const llama = { ...shape, model_type: "llama", num_key_value_heads: 1 };
    const linear = 4 * 64 * 2 + (4 + 2) * (128 + 3 * 128);
    expect(stepFlops(llama, leastRows(sft, [], 64), false)).toBe(
      6 * (linear + 2 * 8 * 100) + 12 * 8 * 10 * 1.5,
    );
  });

  it("lets both answers of a pair see one prompt", () => {
    const [row] = leastRows([], dpo, 64);
    // prompt 1 2, chosen 3, then 2 again for the rejected answer
    expect(row?.tokens).toBe(4);
    expect(pairsOf(row as NonNullable<typeof row>)).toBe(1 + 2 + 3 + 2);
  });
});

describe("a GPU", () => {
  it("is known by its driver's name", () => {
    expect(dataSheetPeak("NVIDIA H100 80GB HBM3, compute capability 9.0")).toBe(989.4e12);
    expect(dataSheetPeak("NVIDIA H100 PCIe")).toBe(756e12);
    expect(dataSheetPeak("an emulation")).toBeUndefined();
  });

  it("has goals where it is an H100 or H200, and none for the tiny shape", () => {
    expect(gpuGoals({ gpuName: "NVIDIA H200", shapes: ["8b"] }).headForward).toEqual({ atLeast: 600 });
    expect(gpuGoals({ gpuName: "NVIDIA H200", shapes: ["tiny"] })).toEqual({});
    expect(gpuGoals({ gpuName: "NVIDIA A100-SXM4-80GB", shapes: ["8b"] })).toEqual({});
  });
});
