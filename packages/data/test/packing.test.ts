import {
  counterRandom,
  type FlatRow,
  type PairExample,
  packPairs,
  packSft,
  type SftExample,
} from "@outright/data";
import { describe, expect, it } from "vitest";

const sft = (row: number, promptIds: number[], responseIds: number[]): SftExample => ({
  row,
  promptIds: Int32Array.from(promptIds),
  responseIds: Int32Array.from(responseIds),
  responseEnds: true,
});

const pair = (row: number, promptIds: number[], chosenIds: number[], rejectedIds: number[]): PairExample => ({
  row,
  promptIds: Int32Array.from(promptIds),
  chosenIds: Int32Array.from(chosenIds),
  rejectedIds: Int32Array.from(rejectedIds),
});

/** A flat row with plain arrays, to be compared with what is written out by hand. */
const plain = (row: FlatRow | undefined) =>
  Object.fromEntries(
    Object.entries(row ?? {}).map(([key, value]) => [key, typeof value === "number" ? value : [...value]]),
  );

/**
 * What each sequence learns, by the definition of the mask: for every loss token its target and the (id, position) that the
 * predicting token sees, in order. Two layouts that agree on this train the same.
 */
function lessons(rows: FlatRow[]): { target: number; sees: string }[][] {
  return rows.flatMap((row) => {
    const at = (array: Int32Array, i: number) => array[i] as number;
    const learn = (n: number) => {
      const t = at(row.lossRows, n);
      const sees: string[] = [];
      for (let j = 0; j <= t; j++) {
        const skipped = at(row.skipFrom, t) <= j && j < at(row.skipTo, t);
        if (j >= at(row.start, t) && !skipped) sees.push(`${at(row.ids, j)}@${at(row.positions, j)}`);
      }
      return { target: at(row.targets, n), sees: sees.join(" ") };
    };
    return Array.from({ length: row.sequenceOffsets.length - 1 }, (_, s) => {
      const [from, to] = [at(row.sequenceOffsets, s), at(row.sequenceOffsets, s + 1)];
      return Array.from({ length: to - from }, (_, i) => learn(from + i));
    });
  });
}

/** What a sequence by itself teaches: every answer token from all tokens before it. */
function lesson(prompt: Int32Array, answer: Int32Array): { target: number; sees: string }[] {
  const all = [...prompt, ...answer];
  return [...answer]
    .map((target, i) => ({
      target,
      sees: all
        .slice(0, prompt.length + i)
        .map((id, at) => `${id}@${at}`)
        .join(" "),
    }))
    .filter(({ sees }) => sees !== "");
}

describe("packSft", () => {
  it("lays two examples end to end", () => {
    const rows = packSft([sft(4, [10, 11], [12, 13, 1]), sft(9, [20], [21, 1])], 100);
    expect(rows.map(plain)).toEqual([
      {
        tokens: 6,
        ids: [10, 11, 12, 13, 20, 21],
        positions: [0, 1, 2, 3, 0, 1],
        start: [0, 0, 0, 0, 4, 4],
        skipFrom: [0, 0, 0, 0, 0, 0],
        skipTo: [0, 0, 0, 0, 0, 0],
        lossRows: [1, 2, 3, 4, 5],
        targets: [12, 13, 1, 21, 1],
        sequenceOffsets: [0, 3, 5],
        rows: [4, 9],
      },
    ]);
  });

  it("gives the first token no loss where there is no prompt", () => {
    expect(plain(packSft([sft(0, [], [5, 6, 1])], 0)[0])).toMatchObject({
      ids: [5, 6],
      lossRows: [0, 1],
      targets: [6, 1],
      sequenceOffsets: [0, 2],
    });
  });

  it("fills rows up to the budget in order, and lets one long example stand alone", () => {
    const sizes = [3, 3, 9, 2, 4, 1].map((size, row) => sft(row, [row], new Array<number>(size).fill(7)));
    expect(packSft(sizes, 6).map(({ tokens, rows }) => [tokens, ...rows])).toEqual([
      [6, 0, 1],
      [9, 2],
      [6, 3, 4],
      [1, 5],
    ]);
    expect(packSft(sizes, 0).map(({ rows }) => [...rows])).toEqual([[0], [1], [2], [3], [4], [5]]);
    expect(packSft([], 6)).toEqual([]);
    expect(() => packSft([], -1)).toThrow("tokens per row");
  });
});

describe("packPairs", () => {
  it("shares a prompt: prompt, chosen, copy of the last prompt token, rejected", () => {
    const rows = packPairs([pair(3, [10, 11], [20, 21, 1], [30, 1])], 100, { sharedPrompt: true });
    expect(rows.map(plain)).toEqual([
      {
        tokens: 6,
        ids: [10, 11, 20, 21, 11, 30],
        positions: [0, 1, 2, 3, 1, 2],
        start: [0, 0, 0, 0, 0, 0],
        skipFrom: [0, 0, 0, 0, 1, 1],
        skipTo: [0, 0, 0, 0, 4, 4],
        lossRows: [1, 2, 3, 4, 5],
        targets: [20, 21, 1, 30, 1],
        sequenceOffsets: [0, 3, 5],
        rows: [3],
      },
    ]);
  });

  it("lays both answers with their own prompt where it is not shared", () => {
    const [row] = packPairs([pair(3, [10, 11], [20, 21, 1], [30, 1])], 100, { sharedPrompt: false });
    expect(plain(row)).toMatchObject({
      ids: [10, 11, 20, 21, 10, 11, 30],
      positions: [0, 1, 2, 3, 0, 1, 2],
      start: [0, 0, 0, 0, 4, 4, 4],
      skipTo: [0, 0, 0, 0, 0, 0, 0],
      lossRows: [1, 2, 3, 5, 6],
      targets: [20, 21, 1, 30, 1],
      sequenceOffsets: [0, 3, 5],
      rows: [3],
    });
  });

  it("puts a second pair's spans where that pair is", () => {
    const pairs = [pair(0, [10], [1], [11, 1]), pair(1, [20, 21], [1], [1])];
    const [row] = packPairs(pairs, 100, { sharedPrompt: true });
    expect(plain(row)).toMatchObject({
      ids: [10, 10, 11, 20, 21, 21],
      positions: [0, 0, 1, 0, 1, 1],
      start: [0, 0, 0, 3, 3, 3],
      skipFrom: [0, 0, 0, 0, 0, 4],
      skipTo: [0, 1, 1, 0, 0, 5],
      lossRows: [0, 1, 2, 4, 5],
      sequenceOffsets: [0, 1, 3, 4, 5],
      rows: [0, 1],
    });
  });

  it("lays a pair with an empty prompt unshared", () => {
    const pairs = [pair(0, [], [5, 1], [6, 7, 1])];
    const shared = packPairs(pairs, 0, { sharedPrompt: true });
    expect(shared).toEqual(packPairs(pairs, 0, { sharedPrompt: false }));
    expect(plain(shared[0])).toMatchObject({
      ids: [5, 6, 7],
      targets: [1, 7, 1],
      sequenceOffsets: [0, 1, 3],
    });
  });

  it("never splits a pair", () => {
    const pairs = Array.from({ length: 5 }, (_, row) => pair(row, [1, 2], [3, 4, 5], [6, 7]));
    for (const row of packPairs(pairs, 8, { sharedPrompt: true })) {
      expect(row.sequenceOffsets.length - 1).toBe(2 * row.rows.length);
    }
  });
});

describe("every layout teaches the same", () => {
  const random = counterRandom(11, "packing test");
  let draws = 0;
  const whole = (below: number) => Math.floor(random(draws++) * below);
  const some = (least: number, most: number) =>
    Array.from({ length: least + whole(most - least + 1) }, () => whole(500));

  it.each(Array.from({ length: 40 }, (_, i) => i))("random case %i", () => {
    const budget = whole(60);
    const pairs = Array.from({ length: 1 + whole(8) }, (_, row) =>
      pair(row, some(0, 9), some(1, 7), some(1, 7)),
    );
    const expected = pairs.flatMap(({ promptIds, chosenIds, rejectedIds }) => [
      lesson(promptIds, chosenIds),
      lesson(promptIds, rejectedIds),
    ]);
    const examples = pairs.map(({ row, promptIds, chosenIds }) => sft(row, [...promptIds], [...chosenIds]));
    const layouts = {
      shared: packPairs(pairs, budget, { sharedPrompt: true }),
      unshared: packPairs(pairs, budget, { sharedPrompt: false }),
      unpacked: packPairs(pairs, 0, { sharedPrompt: true }),
    };
    for (const rows of Object.values(layouts)) expect(lessons(rows)).toEqual(expected);
    const packed = packSft(examples, budget);
    expect(lessons(packed)).toEqual(
      examples.map(({ promptIds, responseIds }) => lesson(promptIds, responseIds)),
    );

    for (const row of [...packed, ...Object.values(layouts).flat()]) {
      expect(row.tokens <= budget || row.rows.length === 1).toBe(true);
      for (const key of ["ids", "positions", "start", "skipFrom", "skipTo"] as const)
        expect(row[key]).toHaveLength(row.tokens);
      expect(row.lossRows).toHaveLength(row.targets.length);
      for (let t = 0; t < row.tokens; t++) {
        const [start, from, to] = [row.start[t], row.skipFrom[t], row.skipTo[t]] as [number, number, number];
        expect(start >= 0 && start <= t && from >= 0 && from <= to && to <= t).toBe(true);
      }
    }
  });
});
