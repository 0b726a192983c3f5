import { parseVerdict } from "@outright/eval";
import { describe, expect, it } from "vitest";

describe("parseVerdict", () => {
  it.each([
    ["m", "first"],
    ["M", "second"],
    [" M\n", "second"],
    ['"m".', "first"],
    ["**M**", "second"],
    ["`m`", "first"],
    ["tie", "tie"],
    ["Tie.", "tie"],
    ["It's a tie!", "tie"],
    ["Output m", "first"],
    ["Output (M) is better.", "second"],
    ["The better output is M", "second"],
    ["Final verdict: m", "first"],
    ["My answer is: **M**.", "second"],
    ["I prefer output m", "first"],
    ["model_2", "second"],
    ["M\n\nOutput M is more complete and says why, which I like.", "second"],
    ["Both are fine, but the first one is I'm afraid too short.\n\nVerdict: M", "second"],
    ["<think>m is nice. Verdict: m\nm</think>\n\nM", "second"],
    ["Assistant A is vague. [[B]]", "second"],
    ["I would say [[A]] if it were shorter, yet my verdict is [[B]]", "second"],
    ["[[A]]", "first"],
    ["They are alike: [[C]]", "tie"],
    ['[{"model": "m", "rank": 2}, {"model": "M", "rank": 1}]', "second"],
    ["[{'model': 'model_1', 'rank': 1}, {'model': 'model_2', 'rank': 2}]", "first"],
    ['{"ordered_models": [{"rank": 1, "model": "M"}, {"rank": 2, "model": "m"}]}', "second"],
    ['```json\n[{"model": "m", "rank": 1}, {"model": "M", "rank": 1}]\n```', "tie"],
  ] as const)("%j is %s", (text, verdict) => {
    expect(parseVerdict(text)).toBe(verdict);
  });

  it.each([
    "",
    "I'm not sure",
    "I cannot judge these.",
    "m or M",
    "m\nbut on second thoughts:\nM",
    "Mm",
    "A",
    "1",
    "the answer",
    "Output m is better than output M in most ways, although",
    "[[D]]",
    '[{"model": "m", "rank": 1}]',
    '[{"model": "m", "rank": 1}, {"model": "m", "rank": 2}]',
    '[{"model": "x", "rank": 1}, {"model": "M", "rank": 2}]',
    "<think>m",
  ])("%j says none", (text) => {
    expect(parseVerdict(text)).toBeUndefined();
  });
});
