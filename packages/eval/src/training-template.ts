/** How an instruction is dressed for a model: as in its training, unless another template is asked for. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { renderRow, type TemplateName, type Tokenizer } from "@outright/data";
import { ConfigError, parseConfig, type RunConfig } from "@outright/trainer";
import type { Instruction } from "./winrate/outputs.js";

/** `none` is the instruction as it stands, which is what the paper's authors gave to their models. */
export type PromptTemplate = TemplateName | "none";

/** Templates for instructions that are dialogues of Human and Assistant turns (HH), and for all others. */
export interface PromptTemplates {
  dialogue: PromptTemplate;
  other: PromptTemplate;
}

/**
 * The templates that the run trained with in which a model's directory lies (RUN/model, RUN/adapter): for dialogues that of
 * its first objective with format hh, for others that of its first SFT objective on questions and answers, and either for
 * the other where there is but one.
 * @returns null where it lies in no run, or the run trained on plain texts alone
 */
export function trainingTemplates(model: string): PromptTemplates | null {
  const path = join(dirname(resolve(model)), "config.yaml");
  if (!existsSync(path)) return null;
  let config: RunConfig;
  try {
    config = parseConfig(readFileSync(path, "utf8"), { path, checkFiles: false });
  } catch (error) {
    if (error instanceof ConfigError) return null; // the config of something else
    throw error;
  }
  const objectives = Object.values(config.objectives).filter(({ format }) => format !== "text");
  const dialogue = objectives.find(({ format }) => format === "hh");
  const other =
    objectives.find(({ kind }) => kind === "sft") ?? objectives.find(({ format }) => format !== "hh");
  const any = other ?? dialogue;
  if (any === undefined) return null;
  return { dialogue: (dialogue ?? any).template, other: (other ?? any).template };
}

/** Whether an instruction is a dialogue in the form of HH. */
export function isDialogue({ instruction }: Instruction): boolean {
  return instruction.startsWith("\n\nHuman:");
}

/**
 * The text that the model goes on with. A dialogue that ends with the human's turn is given its "\n\nAssistant:", as in
 * training.
 * @param where names the row in errors
 */
export function renderInstruction(
  row: Instruction,
  templates: PromptTemplates,
  where: string,
  tokenizer: Tokenizer,
): string {
  const { instruction, input } = row;
  const template = isDialogue(row) ? templates.dialogue : templates.other;
  if (template === "none") return input ? `${instruction}\n${input}` : instruction;
  if (!isDialogue(row)) {
    const value = { instruction, input: input ?? "", output: "-" };
    return promptOf(renderRow("alpaca", template, value, where, tokenizer), where);
  }
  const mark = "\n\nAssistant:";
  const turns = instruction.trimEnd();
  const dialogue = turns.endsWith(mark) ? turns : turns + mark;
  const value = { chosen: `${dialogue} -`, rejected: `${dialogue} +` };
  return promptOf(renderRow("hh", template, value, where, tokenizer), where);
}

function promptOf(rendered: ReturnType<typeof renderRow>, where: string): string {
  if ("prompt" in rendered) return rendered.prompt;
  throw new Error(`${where}: ${rendered.drop}`);
}
