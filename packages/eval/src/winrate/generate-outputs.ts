/** A model's own outputs for a list of instructions; those that were made before are not made again. */
import { createHash } from "node:crypto";
import {
  hashModelChain,
  openAdapterDirectory,
  openModelChain,
  tokenizerDirectory,
} from "@outright/checkpoint";
import { loadTokenizer } from "@outright/data";
import { generate } from "../generate/generate.js";
import { type PromptTemplates, renderInstruction } from "../training-template.js";
import { type ModelOptions, withModel } from "../with-model.js";
import type { Instruction, ModelOutput } from "./outputs.js";
import { type KeptRecords, Records, readRecords } from "./records.js";

/** So many outputs are made at a time, and lost if the process is killed meanwhile. */
const AT_A_TIME = 16;

export interface GenerateOutputsOptions extends ModelOptions {
  templates: PromptTemplates;
  /** most tokens of an output */
  maxTokens: number;
}

/** A line of generated.jsonl. */
interface GeneratedRecord {
  key: string;
  output: string;
}

export interface OutputsToMake {
  prompts: string[];
  keys: string[];
  kept: KeptRecords<GeneratedRecord>;
  /** how many are not kept */
  missing: number;
}

/**
 * What has to be made. An output's key is a hash of weights, dtype, prompt and the most tokens.
 * @param path the file of outputs made before
 */
export async function outputsToMake(
  instructions: readonly Instruction[],
  path: string,
  options: GenerateOutputsOptions,
): Promise<OutputsToMake> {
  const tokenizer = await loadTokenizer(tokenizerDirectory(options.model));
  const weights = [
    hashModelChain(openModelChain(options.model)),
    ...(options.adapter === undefined ? [] : [openAdapterDirectory(options.adapter).hash]),
  ];
  const prompts = instructions.map((row, i) =>
    renderInstruction(row, options.templates, `instruction ${i} (from 0)`, tokenizer),
  );
  const { dtype = "float32", maxTokens } = options;
  const keys = prompts.map((prompt) =>
    createHash("sha256")
      .update(JSON.stringify({ version: 1, weights, dtype, maxTokens, prompt }))
      .digest("hex"),
  );
  const kept = readRecords<GeneratedRecord>(path, ({ output }) => typeof output === "string");
  return { prompts, keys, kept, missing: keys.filter((key) => !kept.byKey.has(key)).length };
}

/**
 * Makes the missing outputs, greedily, and appends each to the file.
 * @param onProgress told how many of the missing ones are made
 * @returns one for each instruction, in order
 */
export async function generateOutputs(
  instructions: readonly Instruction[],
  path: string,
  { prompts, keys, kept, missing }: OutputsToMake,
  options: GenerateOutputsOptions,
  onProgress: (made: number, missing: number) => void,
): Promise<ModelOutput[]> {
  const records = new Records(path, kept);
  try {
    const open = [...keys.keys()].filter((i) => records.get(keys[i] as string) === undefined);
    if (open.length > 0) {
      const tokenizer = await loadTokenizer(tokenizerDirectory(options.model));
      await withModel(options, (model) => {
        for (let from = 0; from < open.length; from += AT_A_TIME) {
          const some = open.slice(from, from + AT_A_TIME);
          const made = generate(
            model,
            tokenizer,
            some.map((i) => prompts[i] as string),
            {
              maxTokens: options.maxTokens,
              onProgress: (active, total) => onProgress(from + total - active, missing),
            },
          );
          made.forEach(({ text }, n) => {
            records.append({ key: keys[some[n] as number] as string, output: text });
          });
          onProgress(from + some.length, missing);
        }
      });
    }
    return instructions.map(({ instruction, input, dataset }, i) => ({
      ...(dataset === undefined ? {} : { dataset }),
      instruction,
      ...(input === undefined ? {} : { input }),
      output: (records.get(keys[i] as string) as GeneratedRecord).output,
    }));
  } finally {
    records.close();
  }
}
