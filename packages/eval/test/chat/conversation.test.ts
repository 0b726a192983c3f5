/** Conversations: the cache that stays changes no answer, and what was said is what is remembered. */
import { fileURLToPath } from "node:url";
import { type ChatMessage, loadTokenizer, type Tokenizer } from "@outright/data";
import { Conversation, type Dressing, generate, promptIds, templateDressing } from "@outright/eval";
import type { LanguageModel } from "@outright/models";
import { loadModel, openDevice } from "@outright/trainer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const MODEL = fileURLToPath(new URL("../../../../test/goldens/models/llama-nano", import.meta.url));
const OPTIONS = { maxTokens: 12, seed: 1, stop: [], context: 300 };

let tokenizer: Tokenizer;
let model: LanguageModel;
const device = openDevice({ device: "cpu", threads: 2 });
beforeAll(async () => {
  tokenizer = await loadTokenizer(MODEL);
  model = loadModel(device, MODEL, "pretrained", 0, { trainable: false }).model;
});
afterAll(() => {
  model.dispose();
  device.close();
});

/** One that tells what it was given. */
const dressing: Dressing = {
  name: "a test's",
  takesSystem: true,
  stops: [],
  render: (messages) => `${messages.map(({ role, content }) => `${role}: ${content}\n`).join("")}assistant:`,
};

describe("a conversation", () => {
  it("answers as if each turn were computed anew, from a cache", async () => {
    const conversation = new Conversation(model, tokenizer, dressing, OPTIONS);
    const said: ChatMessage[] = [];
    for (const question of ["one", "and two", "then three"]) {
      said.push({ role: "user", content: question });
      const parts: string[] = [];
      const reply = await conversation.reply(question, (text) => parts.push(text));
      const prompt = dressing.render(said);
      const [alone] = generate(model, tokenizer, [prompt], { maxTokens: 12 });
      expect(reply.text).toBe(alone?.text);
      expect(parts.join("")).toBe(reply.text);
      expect(reply.promptTokens).toBe(promptIds(prompt, tokenizer).length);
      if (said.length > 1) expect(reply.cachedTokens).toBeGreaterThan(0);
      said.push({ role: "assistant", content: reply.text });
      expect(conversation.messages).toEqual(said);
    }
    conversation.reset("be brief");
    expect(conversation.messages).toEqual([{ role: "system", content: "be brief" }]);
    conversation.dispose();
  });

  it("gives the same answer to the same question twice, though all of it is in the cache", async () => {
    const conversation = new Conversation(model, tokenizer, dressing, OPTIONS);
    const first = await conversation.reply("again", () => {});
    conversation.reset();
    const second = await conversation.reply("again", () => {});
    expect(second.text).toBe(first.text);
    expect(second.cachedTokens).toBe(second.promptTokens - 1);
    conversation.dispose();
  });

  it("draws anew for each answer, and the same from the same seed", async () => {
    const say = async (seed: number) => {
      const conversation = new Conversation(model, tokenizer, dressing, {
        ...OPTIONS,
        temperature: 1.5,
        seed,
      });
      const texts: string[] = [];
      for (let i = 0; i < 2; i++) {
        conversation.reset();
        texts.push((await conversation.reply("again", () => {})).text);
      }
      conversation.dispose();
      return texts;
    };
    const [first, second] = await say(1);
    expect(second).not.toBe(first);
    expect(await say(1)).toEqual([first, second]);
    expect(await say(2)).not.toEqual([first, second]);
  });

  it("keeps what was said of an answer that is stopped", async () => {
    const conversation = new Conversation(model, tokenizer, dressing, { ...OPTIONS, maxTokens: 100 });
    const stop = new AbortController();
    let parts = 0;
    const reply = await conversation.reply("go on", () => ++parts === 3 && stop.abort(), stop.signal);
    expect(reply.end).toBe("stopped");
    expect(conversation.messages.at(-1)).toEqual({ role: "assistant", content: reply.text });
    const next = await conversation.reply("and now", () => {});
    expect(next.cachedTokens).toBeGreaterThan(0);
    conversation.dispose();
  });

  it("ends where the model has no position left, and refuses a message that does not fit", async () => {
    const conversation = new Conversation(model, tokenizer, dressing, OPTIONS);
    /** A message that leaves room for so many tokens. */
    const filling = (word: string, room: number): string => {
      const tokens = (text: string) =>
        promptIds(dressing.render([{ role: "user", content: text }]), tokenizer).length;
      let text = word;
      while (tokens(text + word) <= conversation.context - room) text += word;
      return text;
    };
    // some texts the model ends at once
    const ends: string[] = [];
    for (const word of [" a", " dog", " 7", "!"]) {
      conversation.reset();
      ends.push((await conversation.reply(filling(word, 1), () => {})).end);
    }
    expect(ends).toContain("full");
    expect(ends.every((end) => end === "full" || end === "eos")).toBe(true);
    const before = conversation.messages;
    await expect(conversation.reply("more", () => {})).rejects.toThrow(
      /^the conversation would have \d+ tokens of at most 300: begin anew/,
    );
    expect(conversation.messages).toBe(before);
    conversation.dispose();
  });
});

describe("the templates of training", () => {
  const turns: ChatMessage[] = [
    { role: "user", content: "Hi" },
    { role: "assistant", content: "Hello." },
    { role: "user", content: "How are you?" },
  ];
  it.each([
    ["clean", "User: Hi\nAssistant:", "User: Hi\nAssistant: Hello.\nUser: How are you?\nAssistant:"],
    ["plain", "Hi", "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: How are you?\n\nAssistant:"],
  ] as const)("%s", (name, first, second) => {
    const { render } = templateDressing({ dialogue: name, other: name }, tokenizer);
    expect(render(turns.slice(0, 1))).toBe(first);
    expect(render(turns)).toBe(second);
  });

  it("a run on both: its questions for the first turn, its dialogues for later ones", () => {
    const { render, name } = templateDressing({ dialogue: "plain", other: "alpaca" }, tokenizer);
    expect(name).toBe("template alpaca, then plain");
    expect(render(turns.slice(0, 1))).toMatch(/### Instruction:\nHi\n\n### Response:$/);
    expect(render(turns)).toMatch(/^\n\nHuman: Hi\n\nAssistant: Hello\./);
  });
});
