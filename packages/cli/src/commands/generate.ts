/** `outright generate` */
import { openAdapterDirectory, tokenizerDirectory } from "@outright/checkpoint";
import {
  describeRow,
  loadTokenizer,
  readRows,
  renderRow,
  type TemplateName,
  type Tokenizer,
} from "@outright/data";
import { generate } from "@outright/eval";
import { addAdapter, loadModel, openDevice } from "@outright/trainer";
import { UsageError } from "../errors.js";
import { LiveLine } from "../terminal/live-line.js";
import type { Output } from "../terminal/output.js";
import { noteOtherBase } from "./adapter-base.js";

export interface GenerateFlags {
  model: string;
  adapter?: string;
  prompt?: string[];
  prompts?: string;
  maxTokens: number;
  template: TemplateName;
  device: string;
  dtype: "float32" | "bfloat16";
  threads: number;
  json?: boolean;
}

/** What a row of --prompts may hold. */
type PromptRow = { prompt: string } | { instruction: string; input?: string };

export async function generateCommand(flags: GenerateFlags, output: Output): Promise<void> {
  if ((flags.prompt === undefined) === (flags.prompts === undefined)) {
    throw new UsageError("give either --prompt TEXT or --prompts FILE", "generate");
  }
  const tokenizer = await loadTokenizer(tokenizerDirectory(flags.model));
  const prompts =
    flags.prompts === undefined
      ? (flags.prompt ?? []).map((prompt) => render({ prompt }, flags.template, "--prompt", tokenizer))
      : await readPrompts(flags.prompts, flags.template, tokenizer);
  const device = openDevice(flags);
  try {
    const { model } = loadModel(device, flags.model, "pretrained", 0, {
      dtype: flags.dtype,
      trainable: false,
    });
    if (flags.adapter !== undefined) {
      const adapter = openAdapterDirectory(flags.adapter);
      noteOtherBase(adapter, flags.model, output);
      addAdapter(model, adapter);
    }
    const line = new LiveLine(output);
    const onProgress = (active: number, total: number): void => {
      if (flags.json !== true && output.isTerminal)
        line.show(`generating: ${total - active}/${total} answers done`);
    };
    const answers = generate(model, tokenizer, prompts, { maxTokens: flags.maxTokens, onProgress });
    model.dispose();
    line.clear();
    for (const [index, prompt] of prompts.entries()) {
      const text = answers[index] as string;
      if (flags.json === true) output.out(`${JSON.stringify({ row: index, prompt, text })}\n`);
      else output.out(prompts.length === 1 ? `${text}\n` : `${prompt}${text}\n\n`);
    }
  } finally {
    device.close();
  }
}

async function readPrompts(path: string, template: TemplateName, tokenizer: Tokenizer): Promise<string[]> {
  const prompts: string[] = [];
  for await (const { row, line, value } of readRows(path)) {
    const where = describeRow(path, row, line);
    prompts.push(render(promptRow(value, where), template, where, tokenizer));
  }
  return prompts;
}

function promptRow(value: unknown, where: string): PromptRow {
  const { prompt, instruction, input } = value as Record<string, unknown>;
  if (typeof prompt === "string") return { prompt };
  if (typeof instruction === "string")
    return { instruction, ...(typeof input === "string" ? { input } : {}) };
  throw new Error(`${where}: has no text in "prompt" or "instruction"`);
}

/** The prompt's text as training renders it: the row is given a response, and only the prompt is kept. */
function render(row: PromptRow, template: TemplateName, where: string, tokenizer: Tokenizer): string {
  const response = "-";
  const rendered =
    "instruction" in row
      ? renderRow("alpaca", template, { input: "", ...row, output: response }, where, tokenizer)
      : renderRow("prompt-response", template, { ...row, response }, where, tokenizer);
  if (!("prompt" in rendered)) throw new Error(`${where}: ${rendered.drop}`);
  return rendered.prompt;
}
