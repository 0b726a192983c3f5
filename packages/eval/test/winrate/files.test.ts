/** Files in AlpacaEval's format, matching, the judge's prompt, counting, and the estimate. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  estimateCost,
  judgedPairs,
  matchOutputs,
  type OutputsFile,
  parseJudgePrompt,
  questionsOf,
  readOutputs,
  renderJudgePrompt,
  tally,
  type Verdict,
  writeAnnotations,
  writeLeaderboard,
  writeOutputs,
} from "@outright/eval";
import { afterAll, describe, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "outright-winrate-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function file(content: string, extension = "json"): string {
  const path = join(folder, `file-${files++}.${extension}`);
  writeFileSync(path, content);
  return path;
}

describe("readOutputs", () => {
  const rows = [
    { dataset: "d", instruction: "a", output: "x", generator: "g" },
    { instruction: "b", input: "with", output: "", generator: "g" },
  ];

  it("reads an array or lines, and what writeOutputs wrote", async () => {
    const array = await readOutputs(file(JSON.stringify(rows)));
    expect(array.generator).toBe("g");
    expect(array.rows).toEqual([
      { dataset: "d", instruction: "a", output: "x" },
      { instruction: "b", input: "with", output: "" },
    ]);
    const lines = await readOutputs(file(rows.map((row) => JSON.stringify(row)).join("\n"), "jsonl"));
    expect(lines.rows).toEqual(array.rows);
    const path = join(folder, "again.json");
    writeOutputs(path, array.rows, "h");
    expect(await readOutputs(path)).toEqual({ path, generator: "h", rows: array.rows });
  });

  it("takes the file's name where rows name no generator", async () => {
    const path = join(folder, "hh_reference.json");
    writeFileSync(path, '[{"instruction":"a","output":"b"}]');
    expect((await readOutputs(path)).generator).toBe("hh_reference");
  });

  it.each([
    ['[{"instruction":"a","output":"b"},{"output":"b"}]', 'row 1 (from 0): field "instruction" is missing'],
    ['[{"instruction":"a","output":7}]', 'row 0 (from 0): field "output" is not a text'],
    [
      '[{"instruction":"a","output":"","generator":"g"},{"instruction":"b","output":"","generator":"h"}]',
      'row 1 (from 0): is of generator "h", earlier rows are of "g"',
    ],
    ["[]", "there are no rows in the file"],
    ["", "the file is empty"],
  ])("%s is refused by row and field", async (content, message) => {
    await expect(readOutputs(file(content))).rejects.toThrow(message);
  });
});

const outputs = (rows: [instruction: string, output: string, input?: string][]): OutputsFile => ({
  path: "f.json",
  generator: "g",
  rows: rows.map(([instruction, output, input]) => ({
    instruction,
    output,
    ...(input === undefined ? {} : { input }),
  })),
});

describe("matchOutputs", () => {
  it("pairs rows by instruction and input, and names those that are in no pair", () => {
    const model = outputs([
      ["c", "1"],
      ["a", "2"],
      ["a", "3"],
      ["a", "4", "in"],
      ["z", "5"],
    ]);
    const reference = outputs([
      ["a", "6"],
      ["b", "7"],
      ["a", "8", "in"],
      ["c", "9"],
      ["c", "10"],
    ]);
    const { pairs, ...left } = matchOutputs(model, reference);
    expect(pairs).toEqual([
      { instruction: "a", output: "2", reference: "6" },
      { instruction: "a", input: "in", output: "4", reference: "8" },
      { instruction: "c", output: "1", reference: "9" },
    ]);
    expect(left).toEqual({
      outputs: { duplicates: [2], unmatched: [4] },
      reference: { duplicates: [4], unmatched: [1] },
    });
  });

  it("refuses files that have nothing in common", () => {
    expect(() => matchOutputs(outputs([["a", "1"]]), outputs([["a ", "1"]]))).toThrow(
      "no instruction in common",
    );
  });
});

describe("the judge's prompt", () => {
  const pair = {
    instruction: "say {output_1}",
    input: "now",
    output: "mine {output_2} $&",
    reference: "theirs",
  };

  it("makes a message of each part, and fills every place once", () => {
    const text =
      "<|im_start|>system\nbe fair\n<|im_end|>\n<|im_start|>user\n{instruction}|{output_1}|{output_2}\n<|im_end|>\n";
    const prompt = parseJudgePrompt(text, "p.txt");
    expect(renderJudgePrompt(prompt, pair, "model-first")).toEqual([
      { role: "system", content: "be fair" },
      { role: "user", content: "say {output_1}\n\nnow|mine {output_2} $&|theirs" },
    ]);
    expect(renderJudgePrompt(prompt, pair, "reference-first")[1]?.content).toBe(
      "say {output_1}\n\nnow|theirs|mine {output_2} $&",
    );
  });

  it("is one message of the user without parts, and may name its places as MT-bench does", () => {
    const prompt = parseJudgePrompt("{question}/{answer_a}/{answer_b}", "p.txt");
    expect(renderJudgePrompt(prompt, { ...pair, instruction: "q", input: "" }, "model-first")).toEqual([
      { role: "user", content: "q/mine {output_2} $&/theirs" },
    ]);
  });

  it.each([
    ["{instruction} {output_1}", "p.txt: has no {output_2}"],
    ["", "p.txt: has no {instruction}"],
    [
      "<|im_start|>user\n{instruction}{output_1}{output_2}\n<|im_end|>\nmore",
      "p.txt: has text outside of its",
    ],
  ])("%j is refused", (text, message) => {
    expect(() => parseJudgePrompt(text, "p.txt")).toThrow(message);
  });
});

describe("tally", () => {
  /** model-first and reference-first verdicts of each pair; null: the outputs are equal */
  const given: ([Verdict | undefined, Verdict | undefined] | null)[] = [
    ["first", "second"], // won in both
    ["second", "first"], // lost in both
    ["first", "first"], // the orders disagree
    ["second", "second"],
    ["tie", "tie"],
    ["first", "tie"], // ¾
    ["tie", "first"], // ¼
    null,
    ["first", undefined], // one order alone
    [undefined, undefined],
  ];
  const pairs = given.map((verdicts, i) => ({
    instruction: `q${i}`,
    output: verdicts === null ? "same" : "größer 😀",
    reference: verdicts === null ? "same" : "ab",
  }));
  const questions = questionsOf(pairs, parseJudgePrompt("{instruction}{output_1}{output_2}", "p"), {
    identity: "j",
  });
  const verdictOf = new Map(
    questions.map(({ key, pair, order }) => [key, given[pair]?.[order === "model-first" ? 0 : 1]]),
  );
  const judged = judgedPairs(pairs, questions, (key) => verdictOf.get(key));

  it("asks both orders of all but equal outputs, under keys of their own", () => {
    expect(questions).toHaveLength(18);
    expect(verdictOf.size).toBe(18);
  });

  it("scores an instruction by the mean over both orders, and none with one order alone", () => {
    expect(judged.map(({ score }) => score)).toEqual([1, 0, 0.5, 0.5, 0.5, 0.75, 0.25, 0.5, null, null]);
  });

  it("counts", () => {
    const found = tally(judged, 0);
    expect(found).toMatchObject({
      ...{
        counted: 8,
        notCounted: 2,
        identical: 1,
        winRate: 0.5,
        wins: 2,
        losses: 2,
        ties: 4,
        contradictions: 2,
      },
      tiedVerdicts: 4 / 14,
      firstPlace: 6 / 10,
    });
    // code points: the smile is one
    expect(found.meanLength.model).toBe((7 * 8 + 4) / 8);
  });

  it("has no rate where nothing counts", () => {
    expect(() => tally(judged.slice(8), 0)).toThrow("no instruction has a verdict in both orders");
  });

  it("is written as AlpacaEval writes it", () => {
    const annotations = join(folder, "annotations.json");
    writeAnnotations(annotations, judged, { model: "mine", reference: "base", annotator: "judge" });
    const rows = JSON.parse(readFileSync(annotations, "utf8")) as Record<string, unknown>[];
    expect(rows.map(({ preference }) => preference)).toEqual([
      2,
      1,
      1.5,
      1.5,
      1.5,
      1.75,
      1.25,
      1.5,
      null,
      null,
    ]);
    expect(rows[0]).toEqual({
      ...{
        instruction: "q0",
        output_1: "ab",
        generator_1: "base",
        output_2: "größer 😀",
        generator_2: "mine",
      },
      ...{
        annotator: "judge",
        preference: 2,
        verdicts: { "model-first": "first", "reference-first": "second" },
      },
    });
    const board = join(folder, "leaderboard.csv");
    writeLeaderboard(board, 'a, "b"', tally(judged, 0));
    const [head, row] = readFileSync(board, "utf8").split("\n");
    expect(head).toBe(
      ",win_rate,standard_error,n_wins,n_wins_base,n_draws,n_total,discrete_win_rate,mode,avg_length,length_controlled_winrate,lc_standard_error",
    );
    expect(row).toMatch(/^"a, ""b""",50,[\d.]+,2,2,4,8,50,community,8,[\d.]+,[\d.]+$/);
  });
});

describe("estimateCost", () => {
  const asked = [
    {
      messages: [
        { role: "system", content: "12345" },
        { role: "user", content: "1234" },
      ],
    },
  ];

  it("counts a quarter of the characters, and every answer as long as it may be", () => {
    expect(estimateCost([...asked, ...asked], { maxTokens: 16, prices: { in: 10, out: 30 } })).toEqual({
      ...{ requests: 2, promptTokens: 6, completionTokens: 32, rule: "characters / 4" },
      cost: (6 * 10 + 32 * 30) / 1e6,
    });
  });

  it("counts with a tokenizer where one is given, and tells no cost without prices", () => {
    const countTokens = { of: () => 7, rule: "mine" };
    expect(estimateCost(asked, { maxTokens: 1, countTokens })).toEqual({
      ...{ requests: 1, promptTokens: 7, completionTokens: 1, rule: "mine" },
    });
  });
});
