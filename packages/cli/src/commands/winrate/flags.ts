/** What `outright eval winrate` may be given, and which of it goes together. */
import type { PromptTemplate } from "@outright/eval";
import { UsageError } from "../../errors.js";

export interface WinrateFlags {
  outputs?: string;
  model?: string;
  adapter?: string;
  template?: PromptTemplate;
  maxTokens?: number;
  name?: string;
  reference: string;
  out: string;
  judgeModel?: string;
  judgeUrl?: string;
  judgeKeyEnv?: string;
  judgeDir?: string;
  judgeLabels?: [string, string];
  judgePrompt?: string;
  judgeMaxTokens?: number;
  judgeParameters?: Record<string, unknown>;
  concurrency?: number;
  timeout?: number;
  retries?: number;
  priceIn?: number;
  priceOut?: number;
  maxCost?: number;
  judgeTokenizer?: string;
  dryRun?: boolean;
  seed: number;
  device: string;
  dtype: "float32" | "bfloat16";
  threads: number;
  json?: boolean;
}

const ONLY_WITH_MODEL = ["adapter", "template", "maxTokens"] as const;
const ONLY_WITH_ENDPOINT = [
  ...(["judgeUrl", "judgeKeyEnv", "judgeMaxTokens", "judgeParameters"] as const),
  ...(["concurrency", "timeout", "retries", "priceIn", "priceOut", "maxCost", "judgeTokenizer"] as const),
];

/** @throws UsageError where two options exclude one another, or one would have no effect */
export function checkFlags(flags: WinrateFlags): void {
  const wrong = (message: string): never => {
    throw new UsageError(message, "eval winrate");
  };
  if ((flags.outputs === undefined) === (flags.model === undefined)) {
    wrong("give either --outputs FILE or --model DIR");
  }
  if ((flags.judgeModel === undefined) === (flags.judgeDir === undefined)) {
    wrong("give a judge: either --judge-model NAME or --judge-dir DIR");
  }
  const useless = (keys: readonly (keyof WinrateFlags)[], other: string): void => {
    const given = keys.find((key) => flags[key] !== undefined);
    if (given !== undefined) wrong(`${option(given)} has no effect with ${other}`);
  };
  if (flags.model === undefined) useless(ONLY_WITH_MODEL, "--outputs");
  if (flags.judgeDir !== undefined) useless(ONLY_WITH_ENDPOINT, "--judge-dir");
  else useless(["judgeLabels"], "--judge-model");
  if ((flags.priceIn === undefined) !== (flags.priceOut === undefined)) {
    wrong("give both --price-in and --price-out, or none");
  }
  if (flags.maxCost !== undefined && flags.priceIn === undefined) {
    wrong("--max-cost needs --price-in and --price-out");
  }
}

/** "judgeUrl" → "--judge-url" */
function option(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
