import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  type DataFormat,
  defaultTemplate,
  loadTokenizer,
  renderRow,
  type TemplateName,
  type Tokenizer,
} from "@outright/data";
import { describe, expect, it } from "vitest";
import { GOLDENS, realData, temporary } from "./fixtures.js";

const render = (format: DataFormat, template: TemplateName, value: unknown, tokenizer?: Tokenizer) =>
  renderRow(format, template, value, "data.jsonl: row 3", tokenizer);

/** A tokenizer with a chat template of our own. */
async function chatty(template: string): Promise<Tokenizer> {
  const model = join(GOLDENS, "models", "llama-nano");
  const path = temporary("tokenizer.json", readFileSync(join(model, "tokenizer.json")));
  writeFileSync(
    join(dirname(path), "tokenizer_config.json"),
    readFileSync(join(model, "tokenizer_config.json")),
  );
  writeFileSync(join(dirname(path), "chat_template.jinja"), template);
  return loadTokenizer(dirname(path));
}

const TURNS =
  "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";

describe("alpaca rows", () => {
  const plain = { instruction: "Name a colour.", input: "", output: "Red." };
  const withInput = { instruction: "Add.", input: "2, 3", output: "5" };

  it("plain joins instruction and input by a line break", () => {
    expect(render("alpaca", "plain", plain)).toEqual({ prompt: "Name a colour.", response: "Red." });
    expect(render("alpaca", "plain", withInput)).toEqual({ prompt: "Add.\n2, 3", response: "5" });
  });

  it("alpaca gives the Stanford Alpaca texts", () => {
    expect(render("alpaca", "alpaca", plain)).toEqual({
      prompt:
        "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\nName a colour.\n\n### Response:",
      response: "Red.",
    });
    expect(render("alpaca", "alpaca", withInput)).toEqual({
      prompt:
        "Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n### Instruction:\nAdd.\n\n### Input:\n2, 3\n\n### Response:",
      response: "5",
    });
  });

  it("clean has one space, between Assistant: and the response", () => {
    expect(render("alpaca", "clean", { ...withInput, output: " \n5 " })).toEqual({
      prompt: "User: Add.\n2, 3\nAssistant:",
      response: " 5 ",
    });
  });

  it("paper drops the input and ends as the authors' text does", () => {
    expect(render("alpaca", "paper", { ...withInput, output: "5\n\n" })).toEqual({
      prompt: "User: Add.\nAssistant: ",
      response: "5 ",
    });
  });

  it("needs no input field", () => {
    expect(render("alpaca", "plain", { instruction: "Say a.", output: "a" })).toMatchObject({
      prompt: "Say a.",
    });
    expect(render("alpaca", "plain", { instruction: "Say a.", input: null, output: "a" })).toMatchObject({
      prompt: "Say a.",
    });
  });

  it("chat makes it one user turn", async () => {
    const tokenizer = await chatty(TURNS);
    expect(render("alpaca", "chat", withInput, tokenizer)).toEqual({
      prompt: "<|begin_of_text|><user>Add.\n2, 3<|end_of_text|>\n<assistant>",
      response: "5<|end_of_text|>",
    });
  });
});

describe("prompt-response and text rows", () => {
  it("are taken as they are", () => {
    expect(render("prompt-response", "plain", { prompt: "a ", response: " b\n" })).toEqual({
      prompt: "a ",
      response: " b\n",
    });
    expect(render("text", "plain", { text: " a b " })).toEqual({ prompt: "", response: " a b " });
  });

  it("take the other templates", () => {
    const row = { prompt: "Say a.", response: "a" };
    expect(render("prompt-response", "clean", row)).toEqual({
      prompt: "User: Say a.\nAssistant:",
      response: " a",
    });
    expect(render("prompt-response", "alpaca", row)).toMatchObject({ response: "a" });
  });
});

describe("messages", () => {
  const messages = [
    { role: "system", content: "Be brief." },
    { role: "user", content: "Hi" },
    { role: "assistant", content: "Hello" },
    { role: "user", content: "Bye" },
    { role: "assistant", content: "Bye!" },
  ];

  it("learn the last assistant turn, up to the end token", async () => {
    const tokenizer = await chatty(TURNS);
    const end = "<|end_of_text|>\n";
    expect(render("messages", "chat", { messages }, tokenizer)).toEqual({
      prompt: `<|begin_of_text|><system>Be brief.${end}<user>Hi${end}<assistant>Hello${end}<user>Bye${end}<assistant>`,
      response: "Bye!<|end_of_text|>",
    });
    expect(messages).toHaveLength(5);
  });

  it("keep the template's closing where that is not the end token", async () => {
    const tokenizer = await chatty(TURNS.replace("{{ eos_token }}", "<end>"));
    expect(render("messages", "chat", { messages: messages.slice(1, 3) }, tokenizer)).toMatchObject({
      response: "Hello<end>\n",
    });
  });

  it("take another template for one question and its answer only", () => {
    expect(render("messages", "plain", { messages: messages.slice(1, 3) })).toEqual({
      prompt: "Hi",
      response: "Hello",
    });
    expect(render("messages", "clean", { messages: messages.slice(1, 3) })).toMatchObject({
      prompt: "User: Hi\nAssistant:",
    });
    expect(() => render("messages", "plain", { messages })).toThrow(
      "row 3: template plain takes one user turn",
    );
  });

  it("refuse a template that changes the turns before the answer", async () => {
    const tokenizer = await chatty("{{ messages | length }} turns{% if add_generation_prompt %}:{% endif %}");
    expect(() => render("messages", "chat", { messages }, tokenizer)).toThrow(
      "row 3: the chat template renders the turns",
    );
  });

  const tinyLlama = realData("tokenizers/tinyllama-1.1b-chat");
  it.skipIf(tinyLlama === null)("render by TinyLlama's own template", async () => {
    const tokenizer = await loadTokenizer(tinyLlama as string);
    expect(render("messages", "chat", { messages: messages.slice(1, 3) }, tokenizer)).toEqual({
      prompt: "<|user|>\nHi</s>\n<|assistant|>\n",
      response: "Hello</s>",
    });
  });
});

describe("pairs", () => {
  it("of texts", () => {
    const row = { prompt: "Q", chosen: "good", rejected: " bad" };
    expect(render("pairs", "plain", row)).toEqual({ prompt: "Q", chosen: "good", rejected: " bad" });
    expect(render("pairs", "clean", row)).toEqual({
      prompt: "User: Q\nAssistant:",
      chosen: " good",
      rejected: " bad",
    });
    expect(render("pairs", "paper", row)).toEqual({
      prompt: "User: Q\nAssistant: ",
      chosen: "good ",
      rejected: " bad ",
    });
  });

  const user = { role: "user", content: "Q" };
  const answer = (content: string) => ({ role: "assistant", content });
  const expected = { prompt: "Q", chosen: "good", rejected: "bad" };

  it("of messages, the prompt apart or in both lists", () => {
    const chosen = [answer("good")];
    const rejected = [answer("bad")];
    expect(render("pairs", "plain", { prompt: [user], chosen, rejected })).toEqual(expected);
    expect(render("pairs", "plain", { prompt: "Q", chosen, rejected })).toEqual(expected);
    expect(render("pairs", "plain", { prompt: [user], chosen: "good", rejected: "bad" })).toEqual(expected);
    expect(
      render("pairs", "plain", { prompt: "Q", chosen: [user, ...chosen], rejected: [user, ...rejected] }),
    ).toEqual(expected);
    expect(render("pairs", "plain", { chosen: [user, ...chosen], rejected: [user, ...rejected] })).toEqual(
      expected,
    );
  });

  it("of messages by the chat template", async () => {
    const tokenizer = await chatty(TURNS);
    const turns = [user, answer("A"), user];
    expect(
      render(
        "pairs",
        "chat",
        { chosen: [...turns, answer("good")], rejected: [...turns, answer("bad")] },
        tokenizer,
      ),
    ).toEqual({
      prompt: tokenizer.chat(turns, { addGenerationPrompt: true }),
      chosen: "good<|end_of_text|>",
      rejected: "bad<|end_of_text|>",
    });
  });

  it("are dropped where the lists differ before the answer", () => {
    const chosen = [user, answer("good")];
    const rejected = [{ ...user, content: "Other" }, answer("bad")];
    expect(render("pairs", "plain", { chosen, rejected })).toEqual({ drop: "prompts differ" });
  });
});

describe("hh dialogues", () => {
  const prompt = "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Bye\n\nAssistant:";

  it("are split at the last Assistant: that both share", () => {
    expect(render("hh", "plain", { chosen: `${prompt} Good bye`, rejected: `${prompt} Go` })).toEqual({
      prompt,
      chosen: " Good bye",
      rejected: " Go",
    });
    expect(render("hh", "plain", { chosen: `${prompt} Go`, rejected: `${prompt} Go` })).toMatchObject({
      prompt,
      chosen: " Go",
    });
  });

  it("keep an empty answer for the caller to judge", () => {
    expect(render("hh", "plain", { chosen: `${prompt} Go`, rejected: prompt })).toEqual({
      prompt,
      chosen: " Go",
      rejected: "",
    });
    expect(render("hh", "clean", { chosen: `${prompt} Go`, rejected: `${prompt} ` })).toMatchObject({
      rejected: "",
    });
  });

  it("are dropped where their prompts differ", () => {
    const other = prompt.replace("Hello", "Welcome");
    expect(render("hh", "plain", { chosen: `${prompt} a`, rejected: `${other} b` })).toEqual({
      drop: "prompts differ",
    });
    const early = "\n\nHuman: Hi\n\nAssistant:";
    expect(render("hh", "plain", { chosen: `${prompt} a`, rejected: `${early} b` })).toEqual({
      drop: "prompts differ",
    });
    expect(render("hh", "plain", { chosen: `x${early} a`, rejected: `y${early} a` })).toEqual({
      drop: "prompts differ",
    });
  });

  it("keep a later Human: turn that has no answer as part of the response", () => {
    expect(
      render("hh", "plain", { chosen: `${prompt} a\n\nHuman: b`, rejected: `${prompt} c` }),
    ).toMatchObject({
      prompt,
      chosen: " a\n\nHuman: b",
    });
  });

  it("become turns for clean and chat, and stay wrapped for paper", async () => {
    const row = { chosen: `${prompt} a`, rejected: `${prompt} b` };
    expect(render("hh", "clean", row)).toEqual({
      prompt: "User: Hi\nAssistant: Hello\nUser: Bye\nAssistant:",
      chosen: " a",
      rejected: " b",
    });
    expect(render("hh", "paper", row)).toEqual({
      prompt: `User: ${prompt}\nAssistant: `,
      chosen: " a ",
      rejected: " b ",
    });
    const tokenizer = await chatty(TURNS);
    const end = "<|end_of_text|>\n";
    expect(render("hh", "chat", row, tokenizer)).toMatchObject({
      prompt: `<|begin_of_text|><user>Hi${end}<assistant>Hello${end}<user>Bye${end}<assistant>`,
    });
  });
});

describe("errors name row and field in one line", () => {
  it.each([
    [
      "alpaca",
      { instruction: "a" },
      'row 3: field "output" is missing; format alpaca needs instruction and output',
    ],
    ["alpaca", { instruction: 1, output: "a" }, 'row 3: field "instruction" is not a text'],
    ["alpaca", { instruction: "a", input: [], output: "a" }, 'row 3: field "input" is not a text'],
    [
      "prompt-response",
      { prompt: "a", completion: "b" },
      'field "response" is missing; format prompt-response needs prompt and response, and the row has prompt, completion',
    ],
    ["messages", {}, 'row 3: field "messages" is missing; it must be a list'],
    ["messages", { messages: "a" }, 'field "messages" is not a list'],
    ["messages", { messages: [] }, "is an empty list"],
    ["messages", { messages: [{ role: "user" }] }, "row 3: messages[0] must have role and content"],
    [
      "messages",
      { messages: [{ role: "user", content: "a" }] },
      'the last of "messages" must be the assistant\'s turn',
    ],
    ["pairs", { prompt: "a", chosen: "b" }, 'field "rejected" is missing'],
    ["pairs", { chosen: "a", rejected: "b" }, 'field "prompt" is missing'],
    [
      "pairs",
      { prompt: "a", chosen: [{ role: "user", content: "a" }], rejected: [] },
      'field "rejected" is an empty list',
    ],
    ["hh", { chosen: "a", rejected: "b" }, 'field "chosen" has no turn "\\n\\nAssistant:"'],
    ["text", {}, 'row 3: field "text" is missing; format text needs text, and the row has no fields'],
    ["text", [], "row 3: a row must be an object"],
  ] as [DataFormat, unknown, string][])("%s %j", (format, value, message) => {
    const attempt = () => render(format, "plain", value);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(/^[^\n]*$/);
  });

  it("chat without a tokenizer or a template", async () => {
    expect(() => render("prompt-response", "chat", { prompt: "a", response: "b" })).toThrow(
      "needs a tokenizer",
    );
    const tokenizer = await loadTokenizer(join(GOLDENS, "models", "llama-nano"));
    expect(() => render("prompt-response", "chat", { prompt: "a", response: "b" }, tokenizer)).toThrow(
      /row 3: .*no chat template/,
    );
  });
});

it("defaultTemplate follows the format", () => {
  const formats: DataFormat[] = ["alpaca", "messages", "prompt-response", "pairs", "hh", "text"];
  expect(formats.map(defaultTemplate)).toEqual(["alpaca", "chat", "plain", "plain", "plain", "plain"]);
});
