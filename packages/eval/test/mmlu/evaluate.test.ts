/** Against what lm-evaluation-harness itself computed (test/goldens/README.md), and going on where a run ended. */
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type EvaluateMmluOptions,
  evaluateMmlu,
  type MmluEvaluation,
  type MmluRecord,
  openMmlu,
} from "@outright/eval";
import { afterAll, describe, expect, it } from "vitest";
import { missingData, testData } from "../../../../test/support/test-data.js";

const folder = mkdtempSync(join(tmpdir(), "outright-mmlu-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const at = (path: string) => fileURLToPath(new URL(`../../../../test/goldens/${path}`, import.meta.url));
const DATA = at("mmlu");
const NANO = at("models/neox-nano");
const CPU = { device: "cpu", threads: 1 } as const;

interface Golden {
  accuracy: Record<string, number>;
  standardError: Record<string, number>;
  rows: { subject: string; row: number; chosen: string; correct: boolean; logLikelihoods: number[] }[];
}
const goldens = JSON.parse(readFileSync(at("expected/mmlu.json"), "utf8")) as Record<
  string,
  Record<string, Golden>
>;

let files = 0;
const newFile = (): string => join(folder, `rows-${files++}.jsonl`);
const linesOf = (path: string): MmluRecord[] =>
  readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as MmluRecord);

async function evaluate(options: Partial<EvaluateMmluOptions>): Promise<MmluEvaluation> {
  const result = await evaluateMmlu({ model: NANO, source: openMmlu(DATA, {}), ...CPU, ...options });
  if (result === null) throw new Error("it was stopped");
  return result;
}

const STORIES = "weights/stories260K/hf";
const missing = missingData(STORIES);

describe.each([
  { name: "neox-nano", directory: NANO, skip: undefined },
  { name: "stories260K", directory: testData(STORIES), skip: missing },
])("as lm-evaluation-harness scores $name", ({ name, directory, skip }) => {
  it.skipIf(skip !== undefined).each([1, 5])(
    `%i-shot: each row's choice and log-likelihoods${skip === undefined ? "" : `; ${skip}`}`,
    async (shots) => {
      const golden = goldens[name]?.[shots] as Golden;
      const out = newFile();
      const result = await evaluate({ model: directory, shots, out });
      const found = new Map(linesOf(out).map((line) => [`${line.subject} ${line.row}`, line]));
      expect(found.size).toBe(golden.rows.length);
      for (const { subject, row, chosen, correct, logLikelihoods } of golden.rows) {
        const ours = found.get(`${subject} ${row}`) as MmluRecord;
        expect({ subject, row, chosen: ours.chosen, correct: ours.correct }).toEqual({
          subject,
          row,
          chosen,
          correct,
        });
        logLikelihoods.forEach((value, i) => {
          expect(Math.abs((ours.logLikelihoods[i] as number) - value)).toBeLessThan(1e-4);
        });
      }
      for (const [subject, accuracy] of Object.entries(golden.accuracy)) {
        expect(result.subjects[subject]?.accuracy).toBeCloseTo(accuracy, 12);
        expect(result.subjects[subject]?.standardError).toBeCloseTo(
          golden.standardError[subject] as number,
          12,
        );
      }
      // both have 512 positions, and the history questions are longer
      expect(result.cut.positions).toBe(512);
      expect(result.cut.rows).toBeGreaterThanOrEqual(4);
      expect(linesOf(out).filter(({ cut }) => cut !== undefined)).toHaveLength(result.cut.rows);
    },
  );
});

describe("an evaluation with a file", () => {
  it("goes on where it was stopped, and ends with the same bits", async () => {
    const [whole, parts] = [newFile(), newFile()];
    const expected = await evaluate({ out: whole });
    const stop = new AbortController();
    const stopped = await evaluateMmlu({
      ...{ model: NANO, source: openMmlu(DATA, {}), ...CPU, out: parts, stop: stop.signal },
      tokensPerMicroBatch: 1,
      onProgress: ({ stage, done }) => {
        if (stage === "scoring" && done >= 7) stop.abort();
      },
    });
    expect(stopped).toBeNull();
    expect(linesOf(parts)).toHaveLength(7);
    // a process that is killed leaves a line without its end
    truncateSync(parts, readFileSync(parts).byteLength - 30);
    const result = await evaluate({ out: parts });
    expect(result).toEqual({ ...expected, kept: 6 });
    expect(linesOf(parts)).toEqual(linesOf(whole));
    expect(await evaluate({ out: parts })).toEqual({ ...expected, kept: 40 });
  });

  it("keeps the rows of a smaller part", async () => {
    const out = newFile();
    expect((await evaluate({ out, limit: 2, subjects: ["virology"] })).overall.rows).toBe(2);
    const result = await evaluate({ out, limit: 3, subjects: ["virology", "philosophy"] });
    expect([result.overall.rows, result.kept]).toEqual([6, 2]);
    expect(linesOf(out)).toHaveLength(6);
  });

  it("keeps each of two rows that ask the same", async () => {
    const data = join(folder, "twice");
    cpSync(DATA, data, { recursive: true });
    const path = join(data, "test/philosophy_test.csv");
    appendFileSync(path, readFileSync(path));
    const options = { out: newFile(), subjects: ["philosophy"], source: openMmlu(data, {}) };
    const { overall } = await evaluate(options);
    expect(overall.rows).toBe(12);
    expect(await evaluate(options)).toMatchObject({ overall, kept: 12 });
    expect(linesOf(options.out)).toHaveLength(12);
  });

  it("refuses one of another run, of other questions, and one that is none", async () => {
    const out = newFile();
    const part = { out, limit: 2, subjects: ["virology"] } as const;
    await evaluate(part);
    const before = readFileSync(out, "utf8");
    const advice = "give another --out, or remove the file to start over";
    const other = `${out}: holds rows of another evaluation (model, tokenizer, shots, template or dtype differ); ${advice}`;
    await expect(evaluate({ ...part, shots: 2 })).rejects.toThrow(other);
    await expect(evaluate({ ...part, dtype: "bfloat16" })).rejects.toThrow(other);
    await expect(evaluate({ ...part, model: at("models/llama-nano") })).rejects.toThrow(other);

    const data = join(folder, "changed");
    cpSync(DATA, data, { recursive: true });
    const path = join(data, "test/virology_test.csv");
    writeFileSync(path, readFileSync(path, "utf8").replace(",", "!,"));
    await expect(evaluate({ ...part, source: openMmlu(data, {}) })).rejects.toThrow(
      `${out}: row 0 of virology is of other data; ${advice}`,
    );
    expect(readFileSync(out, "utf8")).toBe(before);

    appendFileSync(out, "{}\n");
    await expect(evaluate(part)).rejects.toThrow(
      `${out}: holds lines that are no rows of an evaluation (1); ${advice}`,
    );
  });

  it("takes more examples than there are for an error", async () => {
    await expect(evaluate({ shots: 6 })).rejects.toThrow(
      `${DATA}: abstract_algebra has 5 examples (dev), fewer than --shots 6`,
    );
  });
});
