/** What the tests of bad input and of full disks share: a small run, the command in this process, and what to expect. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadConfig, train } from "@outright/trainer";
import type { RunConfigInput } from "outright";
import { errorLines, main } from "outright/command";
import { expect } from "vitest";
import type { Outcome } from "../../packages/cli/test/command.js";
import { snapshot, temporaryFolder, writeRows } from "./folder.js";

export const MODEL = join(import.meta.dirname, "../goldens/models/llama-nano");
export const folder = temporaryFolder();

export const prompts = Array.from({ length: 12 }, (_, n) => ({
  prompt: `count ${n}`,
  response: `${n} ${n + 1}`,
}));
export const pairs = prompts.map(({ prompt }, n) => ({ prompt, chosen: `the ${n}`, rejected: `${n}!` }));
mkdirSync(join(folder, "shared"));
export const SFT = join(folder, "shared/sft.jsonl");
export const DPO = join(folder, "shared/dpo.jsonl");
writeRows(SFT, prompts);
writeRows(DPO, pairs);

type Objective = RunConfigInput["objectives"][string];
export const sft = (data: string): Record<string, Objective> => ({
  sft: { kind: "sft", data, format: "prompt-response", batch: 4 },
});
export const dpo = (data: string): Record<string, Objective> => ({
  dpo: { kind: "dpo", data, format: "pairs", batch: 2 },
});
export const good: Record<string, unknown> = {
  model: MODEL,
  out: "run",
  steps: 4,
  threads: 1,
  maxLength: 128,
  objectives: sft(SFT),
};

/** A case's own folder: what it writes there, with the config in run.json, is what must not change. */
export function prepare(name: string): string {
  const at = join(folder, name.replace(/\W+/g, "-"));
  mkdirSync(at);
  return at;
}

export const writeConfig = (at: string, config: object): void =>
  writeFileSync(join(at, "run.json"), JSON.stringify(config, null, 2));

/** Runs the command in this process. */
export async function command(...args: string[]): Promise<Outcome> {
  let stdout = "";
  let stderr = "";
  const code = await main(args, {
    out: (text) => {
      stdout += text;
    },
    err: (text) => {
      stderr += text;
    },
    isTerminal: false,
    hasColour: false,
    width: () => 80,
  });
  return { code, signal: null, stdout, stderr };
}

/** What `outright train` does in its engine's thread, and what it says of an error. */
export async function trainHere(path: string): Promise<Outcome> {
  const outcome = { signal: null, stdout: "" };
  try {
    await train(loadConfig(path));
    return { ...outcome, code: 0, stderr: "" };
  } catch (error) {
    return { ...outcome, code: 1, stderr: errorLines(error, false) };
  }
}

/** A copy of the model in which some files are other. */
export function writeModel(
  at: string,
  change: (file: string, bytes: Buffer) => Uint8Array | string | null,
): void {
  mkdirSync(join(at, "model"));
  for (const name of readdirSync(MODEL)) {
    const bytes = change(name, readFileSync(join(MODEL, name)));
    if (bytes !== null) writeFileSync(join(at, "model", name), bytes);
  }
}

export function expectOneLine({ code, signal, stderr }: Outcome, says: RegExp): void {
  expect({ code, signal }).toEqual({ code: 1, signal: null });
  expect(stderr).toMatch(/^outright: [^\n]+\n$/);
  expect(stderr).toMatch(says);
  // a leak of the language or of the operating system: no "TypeError: ", no "ENOENT: no such file"
  expect(stderr).not.toMatch(/\b[A-Za-z]*Error: |\bE[A-Z]{3,}: |\bundefined\b|\[object|\bat .*:\d+:\d+/);
}

/** All that was there is there, as it was; new is at most an empty directory for the run. */
export function expectUntouched(at: string, before: Record<string, string>): void {
  const after = snapshot(at);
  const added = Object.keys(after).filter((path) => !(path in before));
  expect(added.filter((path) => path !== "run")).toEqual([]);
  for (const path of added) delete after[path];
  expect(after).toEqual(before);
}
