/** `outright chat`: a conversation in the terminal, or a message a line from a pipe. */
import { createInterface, type Interface } from "node:readline";
import { openAdapterDirectory, tokenizerDirectory } from "@outright/checkpoint";
import { loadTokenizer, type TemplateName, type Tokenizer } from "@outright/data";
import {
  Conversation,
  chatDressing,
  type Dressing,
  type Reply,
  templateDressing,
  trainingTemplates,
  withModel,
} from "@outright/eval";
import { errorLines } from "../errors.js";
import type { Output } from "../terminal/output.js";
import { noteOtherBase } from "./adapter-base.js";
import type { GenerationFlags } from "./generate.js";

export interface ChatFlags extends GenerationFlags {
  system?: string;
  context: number;
  template?: TemplateName;
}

const PROMPT = "> ";

export async function chatCommand(flags: ChatFlags, output: Output): Promise<number> {
  const tokenizer = await loadTokenizer(tokenizerDirectory(flags.model));
  const { dressing, why } = dressingFor(flags, tokenizer);
  if (flags.system !== undefined && !dressing.takesSystem)
    throw new Error(`--system: ${dressing.name} has no place for a system message; --template chat has`);
  if (flags.adapter !== undefined) noteOtherBase(openAdapterDirectory(flags.adapter), flags.model, output);
  const { maxTokens, temperature, topK, topP, seed, context, stop = [] } = flags;
  const options = { maxTokens, temperature, topK, topP, seed, context, stop };
  return await withModel(flags, async (model) => {
    const conversation = new Conversation(model, tokenizer, dressing, options);
    try {
      conversation.reset(flags.system);
      output.err(
        `${flags.model}: ${dressing.name} (${why}); up to ${conversation.context} tokens in all. /reset, /system TEXT, /quit\n`,
      );
      return await new Talk(conversation, dressing, output).run();
    } finally {
      conversation.dispose();
    }
  });
}

function dressingFor(
  { model, template }: ChatFlags,
  tokenizer: Tokenizer,
): { dressing: Dressing; why: string } {
  const of = (name: TemplateName): Dressing =>
    name === "chat" ? chatDressing(tokenizer) : templateDressing({ dialogue: name, other: name }, tokenizer);
  if (template === "chat" && !tokenizer.hasChatTemplate)
    throw new Error(`--template chat: the tokenizer of ${model} has no chat template`);
  if (template !== undefined) return { dressing: of(template), why: "as asked for" };
  const trained = trainingTemplates(model);
  if (trained?.other === "chat") return { dressing: of("chat"), why: "as in training" };
  if (trained !== null) return { dressing: templateDressing(trained, tokenizer), why: "as in training" };
  if (tokenizer.hasChatTemplate) return { dressing: of("chat"), why: "it has one" };
  return { dressing: of("clean"), why: "it has no chat template and lies in no run" };
}

/** The loop between lines and answers. */
class Talk {
  readonly #conversation: Conversation;
  readonly #dressing: Dressing;
  readonly #output: Output;
  readonly #lines: Interface;
  readonly #isTyped = process.stdin.isTTY === true;
  /** of the answer that is being made */
  #answering: AbortController | null = null;

  constructor(conversation: Conversation, dressing: Dressing, output: Output) {
    this.#conversation = conversation;
    this.#dressing = dressing;
    this.#output = output;
    this.#lines = createInterface({
      input: process.stdin,
      ...(this.#isTyped ? { output: process.stdout, prompt: PROMPT } : {}),
      terminal: this.#isTyped,
    });
  }

  /** @returns the exit code: 130 where Ctrl-C ended it, 1 where a piped message got no answer */
  async run(): Promise<number> {
    let exitCode = 0;
    const onInterrupt = (): void => {
      if (this.#answering !== null) {
        this.#answering.abort();
        return;
      }
      exitCode = 130;
      this.#lines.close();
    };
    // typed in a terminal, readline hears it first
    this.#lines.on("SIGINT", onInterrupt);
    process.on("SIGINT", onInterrupt);
    try {
      if (this.#isTyped) this.#lines.prompt();
      for await (const line of this.#lines) {
        const text = line.trim();
        if (text === "/quit" || text === "/exit") break;
        if (text !== "" && !(await this.#take(text)) && !this.#isTyped) exitCode = 1;
        if (exitCode === 130) break;
        if (this.#isTyped) this.#lines.prompt();
      }
      if (this.#isTyped) this.#output.out("\n");
      return exitCode;
    } finally {
      process.removeListener("SIGINT", onInterrupt);
      this.#lines.close();
    }
  }

  /** @returns whether it was done */
  async #take(text: string): Promise<boolean> {
    const [, command, rest = ""] = /^\/(\w+)\s*(.*)$/.exec(text) ?? [];
    if (command === undefined) return await this.#answer(text);
    if (command === "reset") {
      this.#conversation.reset();
      this.#output.err("begun anew\n");
      return true;
    }
    if (command === "system") {
      if (!this.#dressing.takesSystem)
        this.#output.err(`${this.#dressing.name} has no place for a system message\n`);
      else {
        this.#conversation.reset(rest === "" ? undefined : rest);
        this.#output.err(rest === "" ? "begun anew without a system message\n" : "begun anew with it\n");
      }
      return this.#dressing.takesSystem;
    }
    this.#output.err(`/${command}: there are /reset, /system TEXT and /quit\n`);
    return false;
  }

  async #answer(message: string): Promise<boolean> {
    this.#answering = new AbortController();
    let isBegun = false;
    const tell = (text: string): void => {
      // an answer's white space in front belongs to the template
      const shown = isBegun ? text : text.trimStart();
      if (shown !== "") isBegun = true;
      this.#output.out(shown);
    };
    try {
      const reply = await this.#conversation.reply(message, tell, this.#answering.signal);
      this.#output.out("\n");
      const note = noteOf(reply);
      if (note !== "") this.#output.err(`(${note})\n`);
      return true;
    } catch (error) {
      this.#output.err(errorLines(error, false));
      return false;
    } finally {
      this.#answering = null;
    }
  }
}

function noteOf({ end }: Reply): string {
  if (end === "stopped") return "stopped";
  if (end === "length") return "cut at --max-tokens";
  if (end === "full") return "no room for more: begin anew with /reset, or give --context";
  return "";
}
