/** Prompts, and how they and their answers become ids. */
import { fileURLToPath } from "node:url";
import { loadTokenizer } from "@outright/data";
import type { MmluQuestion } from "@outright/eval";
import { describe, expect, it } from "vitest";
import { encodeAnswers } from "../../dist/mmlu/encode.js";
import { promptOf } from "../../dist/mmlu/prompt.js";

const question = (text: string): MmluQuestion => ({
  text,
  choices: ["one", " two", "three ", "4"],
  answer: "C",
});

describe("promptOf", () => {
  it("is the harness's, letter by letter", () => {
    expect(promptOf("college_biology", [question("\n First?\t ")], question("Second?"))).toBe(
      "The following are multiple choice questions (with answers) about college biology.\n\n" +
        "First?\nA. one\nB.  two\nC. three \nD. 4\nAnswer: C\n\n" +
        "Second?\nA. one\nB.  two\nC. three \nD. 4\nAnswer:",
    );
  });

  it("strips what Python strips, and no more", () => {
    const asked = (text: string) =>
      promptOf("anatomy", [], question(text)).split("\n\n")[1]?.split("\nA. ")[0];
    expect(asked("\u0085\u001c\u3000x\u00a0\u001f")).toBe("x");
    expect(asked("\ufeffx\u200b")).toBe("\ufeffx\u200b");
  });
});

describe("encodeAnswers", async () => {
  const models = fileURLToPath(new URL("../../../../test/goldens/models", import.meta.url));
  const neox = await loadTokenizer(`${models}/neox-nano`);
  const ids = (text: string) => neox.encode(text, { specialTokens: true });

  it("splits one text at the end of the prompt, whose white space is the answer's", () => {
    const text = "What is it?\nAnswer:";
    for (const space of ["", " ", " \n"]) {
      const [first] = encodeAnswers(neox, text + space, [" house"], 512);
      expect(first).toEqual({
        prompt: ids(text),
        answer: ids(`${text}${space} house`).slice(ids(text).length),
        cut: 0,
      });
    }
  });

  it("puts the tokenizer's begin token in front, and no end token behind", async () => {
    const llama = await loadTokenizer(`${models}/llama-nano`);
    expect(llama.prefixIds).toHaveLength(1);
    const [first] = encodeAnswers(llama, "What is it?", [" A"], 512);
    expect(first?.prompt[0]).toBe(llama.bosId);
    expect(first?.answer).not.toContain(llama.eosId);
  });

  it("cuts on the left what is longer than the positions: inputs are all but the last token", () => {
    const text = "What is it that we ask? Answer:";
    const whole = ids(text);
    const answers = encodeAnswers(neox, text, [" A", " house"], whole.length);
    const lengths = answers.map(({ answer }) => answer.length);
    expect(lengths[1]).toBeGreaterThan(1);
    answers.forEach(({ prompt, cut }, i) => {
      expect(cut).toBe((lengths[i] as number) - 1);
      expect(prompt).toEqual(whole.slice(cut));
    });
  });

  it("takes an answer that has no token of its own for an error", () => {
    expect(() => encodeAnswers(neox, "a", [""], 512)).toThrow('the tokenizer gives "" no token of its own');
  });
});
