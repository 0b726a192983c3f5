/** `outright generate` */
import { openAdapterDirectory, tokenizerDirectory } from "@outright/checkpoint";
import { describeRow, loadTokenizer, readRows, type Tokenizer } from "@outright/data";
import {
  type Generated,
  type GenerateOptions,
  generate,
  type Instruction,
  type PromptTemplate,
  type PromptTemplates,
  renderInstruction,
  withModel,
} from "@outright/eval";
import { UsageError } from "../errors.js";
import { LiveLine } from "../terminal/live-line.js";
import type { Output } from "../terminal/output.js";
import { noteOtherBase } from "./adapter-base.js";
import { promptTemplates, templateReason } from "./prompt-templates.js";

/** What `generate` and `chat` take alike. */
export interface GenerationFlags {
  model: string;
  adapter?: string;
  maxTokens: number;
  temperature: number;
  topK: number;
  topP: number;
  seed: number;
  stop?: string[];
  device: string;
  dtype: "float32" | "bfloat16";
  threads: number;
}

export interface GenerateFlags extends GenerationFlags {
  prompt?: string[];
  prompts?: string;
  template?: PromptTemplate;
  json?: boolean;
}

export async function generateCommand(flags: GenerateFlags, output: Output): Promise<void> {
  if ((flags.prompt === undefined) === (flags.prompts === undefined)) {
    throw new UsageError("give either --prompt TEXT or --prompts FILE", "generate");
  }
  const tokenizer = await loadTokenizer(tokenizerDirectory(flags.model));
  const templates = promptTemplates(flags.model, flags.template);
  const prompts =
    flags.prompts === undefined
      ? (flags.prompt ?? []).map((instruction) =>
          renderInstruction({ instruction }, templates, "--prompt", tokenizer),
        )
      : await readPrompts(flags.prompts, templates, tokenizer);
  if (flags.json !== true && output.isTerminal)
    output.err(`template ${templates.other} (${templateReason(flags.model, flags.template)})\n`);
  const answers = await answer(flags, tokenizer, prompts, output);
  for (const [row, { text, end }] of answers.entries()) {
    const prompt = prompts[row] as string;
    if (flags.json === true) output.out(`${JSON.stringify({ row, prompt, text, end })}\n`);
    else if (prompts.length > 1) output.out(`${prompt}${text}\n\n`);
    else output.out(isStreamed(flags, prompts, output) ? "\n" : `${text}\n`);
  }
}

/** One answer is shown while it is made. */
const isStreamed = (flags: GenerateFlags, prompts: readonly string[], output: Output): boolean =>
  prompts.length === 1 && flags.json !== true && output.isTerminal;

function answer(
  flags: GenerateFlags,
  tokenizer: Tokenizer,
  prompts: readonly string[],
  output: Output,
): Promise<Generated[]> {
  if (flags.adapter !== undefined) noteOtherBase(openAdapterDirectory(flags.adapter), flags.model, output);
  const line = new LiveLine(output);
  const watch: Partial<GenerateOptions> = isStreamed(flags, prompts, output)
    ? { onText: (_, text) => output.out(text) }
    : {
        onProgress: (active, total) => {
          if (flags.json !== true && output.isTerminal)
            line.show(`generating: ${total - active}/${total} answers done`);
        },
      };
  const { maxTokens, temperature, topK, topP, seed, stop } = flags;
  const settings = { maxTokens, temperature, topK, topP, seed, ...(stop === undefined ? {} : { stop }) };
  return withModel(flags, (model) => {
    const answers = generate(model, tokenizer, prompts, { ...settings, ...watch });
    line.clear();
    return answers;
  });
}

async function readPrompts(
  path: string,
  templates: PromptTemplates,
  tokenizer: Tokenizer,
): Promise<string[]> {
  const prompts: string[] = [];
  for await (const { row, line, value } of readRows(path)) {
    const where = describeRow(path, row, line);
    prompts.push(renderInstruction(instructionOf(value, where), templates, where, tokenizer));
  }
  return prompts;
}

/** A row holds `prompt`, or `instruction` and `input`. */
function instructionOf(value: unknown, where: string): Instruction {
  const { prompt, instruction, input } = value as Record<string, unknown>;
  if (typeof prompt === "string") return { instruction: prompt };
  if (typeof instruction === "string")
    return { instruction, ...(typeof input === "string" ? { input } : {}) };
  throw new Error(`${where}: has no text in "prompt" or "instruction"`);
}
