/** The judge that the options name, and its prompt. */
import { readFileSync } from "node:fs";
import { loadTokenizer } from "@outright/data";
import {
  DEFAULT_JUDGE_PROMPT,
  type EstimateOptions,
  HttpJudge,
  type Judge,
  type JudgePrompt,
  LocalJudge,
  parseJudgePrompt,
} from "@outright/eval";
import type { WinrateFlags } from "./flags.js";

const OPENAI = "https://api.openai.com/v1";

export interface OpenJudge {
  judge: Judge;
  prompt: JudgePrompt;
  /** where it is, for people */
  place: string;
  estimate: EstimateOptions;
}

/** @throws Error of one line where the prompt cannot be used, or a key is missing */
export async function openJudge(flags: WinrateFlags): Promise<OpenJudge> {
  const text = flags.judgePrompt === undefined ? DEFAULT_JUDGE_PROMPT : readPrompt(flags.judgePrompt);
  const prompt = parseJudgePrompt(text, flags.judgePrompt ?? "the judge's prompt");
  if (flags.judgeDir !== undefined) return openLocal(flags, flags.judgeDir, prompt, text);
  const maxTokens = flags.judgeMaxTokens ?? (flags.judgePrompt === undefined ? 16 : 1024);
  const url = flags.judgeUrl ?? (process.env.OPENAI_BASE_URL || OPENAI);
  const key = keyOf(flags, url);
  const judge = new HttpJudge({
    url,
    model: flags.judgeModel as string,
    maxTokens,
    backoff: { seed: flags.seed },
    ...given("key", key),
    ...given("parameters", flags.judgeParameters),
    ...given("concurrency", flags.concurrency),
    ...given("timeout", flags.timeout),
    ...given("retries", flags.retries),
  });
  const prices =
    flags.priceIn === undefined ? undefined : { in: flags.priceIn, out: flags.priceOut as number };
  const countTokens = flags.judgeTokenizer === undefined ? undefined : await counter(flags.judgeTokenizer);
  return {
    judge,
    prompt,
    place: `${flags.judgeModel} at ${judge.address}`,
    estimate: {
      maxTokens: mostTokens(flags, maxTokens),
      ...given("prices", prices),
      ...given("countTokens", countTokens),
    },
  };
}

async function openLocal(
  flags: WinrateFlags,
  directory: string,
  prompt: JudgePrompt,
  text: string,
): Promise<OpenJudge> {
  const { judgeLabels: labels = ["m", "M"], device, dtype, threads } = flags;
  for (const label of labels) {
    const word = new RegExp(
      `(?<![\\p{L}\\p{N}_])${label.replace(/[^\w\s]/g, "\\$&")}(?![\\p{L}\\p{N}_])`,
      "u",
    );
    if (word.test(text)) continue;
    throw new Error(
      `${flags.judgePrompt ?? "the judge's prompt"}: does not name an output "${label}"; say the names in it with --judge-labels FIRST,SECOND`,
    );
  }
  const judge = await LocalJudge.open({ directory, labels, device, dtype, threads });
  const countTokens = {
    of: (messages: Parameters<typeof judge.countTokens>[0]) => judge.countTokens(messages),
    rule: "its own tokenizer",
  };
  return { judge, prompt, place: directory, estimate: { maxTokens: 0, countTokens } };
}

/** What an answer may have at most: a parameter of the request may say it in another word. */
function mostTokens({ judgeParameters: parameters = {} }: WinrateFlags, maxTokens: number): number {
  const said = parameters["max_completion_tokens"] ?? parameters["max_tokens"];
  return typeof said === "number" ? said : maxTokens;
}

/** A key is never taken from the command line, where every process sees it. */
function keyOf({ judgeKeyEnv }: WinrateFlags, url: string): string | undefined {
  const name = judgeKeyEnv ?? "OPENAI_API_KEY";
  const key = process.env[name]?.trim();
  if (key !== undefined && key !== "") return key;
  if (judgeKeyEnv !== undefined) throw new Error(`--judge-key-env: the environment has no ${name}`);
  if (url.startsWith("https://api.openai.com/")) {
    throw new Error(
      `${url} needs a key: put it into the environment variable ${name}, or name another judge with --judge-url`,
    );
  }
  return undefined;
}

function readPrompt(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(
      `--judge-prompt: ${path} ${code === "ENOENT" ? "is not there" : `cannot be read (${message})`}`,
    );
  }
}

async function counter(directory: string): Promise<NonNullable<EstimateOptions["countTokens"]>> {
  const tokenizer = await loadTokenizer(directory);
  return {
    of: (messages) =>
      messages.reduce(
        (sum, { content }) => sum + tokenizer.encode(content, { specialTokens: false }).length,
        0,
      ),
    rule: `tokenizer of ${directory}`,
  };
}

function given<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V });
}
