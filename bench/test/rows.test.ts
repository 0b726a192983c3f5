import { packPairs } from "@outright/data";
import { describe, expect, it } from "vitest";
import { paddedRows } from "../lib/ladder-step.js";
import { fromFile, loadRows, toFile, usefulTokens } from "../lib/rows.js";

describe("rows of the benchmarks", () => {
  it("are the same each time, within the vocabulary, at most 256 tokens, and end with the EOS", async () => {
    const rows = await loadRows(100, undefined, 512);
    expect(await loadRows(100, undefined, 512)).toEqual(rows);
    expect([rows.sft.length, rows.dpo.length]).toEqual([100, 100]);
    for (const { promptIds, responseIds } of rows.sft) {
      expect(promptIds.length + responseIds.length).toBeLessThanOrEqual(256);
      expect(responseIds.at(-1)).toBe(0);
      expect(Math.max(...promptIds, ...responseIds)).toBeLessThan(512);
      expect(Math.min(...promptIds)).toBeGreaterThan(0);
    }
  });

  it("are the same after the file that the other side reads", async () => {
    const { sft, dpo } = await loadRows(20, undefined, 512);
    expect(fromFile(JSON.parse(JSON.stringify(toFile({ source: "", sft, dpo }))))).toEqual({ sft, dpo });
  });

  it("count a prompt with each of its two answers", () => {
    const ids = (count: number) => new Int32Array(count);
    const sft = [{ row: 0, promptIds: ids(3), responseIds: ids(4), responseEnds: true }];
    const dpo = [{ row: 0, promptIds: ids(10), chosenIds: ids(5), rejectedIds: ids(2) }];
    expect(usefulTokens({ sft, dpo: [] })).toBe(7);
    expect(usefulTokens({ sft: [], dpo })).toBe(27);
  });

  it("without the data that was named tell what is missing", async () => {
    const { dataFolder } = await import("../lib/rows.js");
    expect(() => dataFolder("/nowhere")).toThrow("--data /nowhere: there is no tokenizers/gpt-neox-20b");
  });
});

describe("padding", () => {
  it("gives every answer its prompt and the longest one's places, and scores the same tokens", async () => {
    const { dpo } = await loadRows(8, undefined, 512);
    const [padded] = paddedRows(dpo, 1e6);
    const [unshared] = packPairs(dpo, 1e6, { sharedPrompt: false });
    if (padded === undefined || unshared === undefined) throw new Error("no row");
    const longest = Math.max(
      ...dpo.flatMap((pair) =>
        [pair.chosenIds, pair.rejectedIds].map((a) => pair.promptIds.length + a.length - 1),
      ),
    );
    expect(padded.tokens).toBe(16 * longest);
    expect(padded.targets).toEqual(unshared.targets);
    expect(padded.sequenceOffsets).toEqual(unshared.sequenceOffsets);
    expect(padded.rows).toEqual(unshared.rows);
    const seen = (row: typeof padded, n: number) => {
      const at = row.lossRows[n] as number;
      return [...row.ids.subarray(row.start[at] as number, at + 1)];
    };
    for (const n of [0, 1, 40, padded.targets.length - 1]) expect(seen(padded, n)).toEqual(seen(unshared, n));
  });
});
