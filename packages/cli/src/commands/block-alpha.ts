/** What `--block-alpha` may say: `0:0.2,1-3:0.5`, `0.2..0.8`, or a YAML or JSON file. */
import { readFileSync } from "node:fs";
import type { BlockAlpha } from "@outright/checkpoint";
import { parse } from "yaml";

const NUMBER = String.raw`\d*\.?\d+(?:e[-+]?\d+)?`;
const RAMP = new RegExp(`^(${NUMBER})\\.\\.(${NUMBER})$`, "i");
const ENTRY = new RegExp(`^(\\d+)(?:-(\\d+))?\\s*:\\s*(${NUMBER})$`, "i");

/** @throws Error of one line that names the entry, or the file and the key */
export function parseBlockAlpha(text: string): BlockAlpha {
  const ramp = RAMP.exec(text.trim());
  if (ramp !== null) return { from: share(ramp[1] as string, text), to: share(ramp[2] as string, text) };
  if (/^\s*\d+\s*(-\s*\d+\s*)?:/.test(text)) return { at: entries(text.split(",")) };
  return { at: fromFile(text) };
}

function entries(texts: readonly string[]): Record<number, number> {
  const at: Record<number, number> = {};
  for (const text of texts) {
    const match = ENTRY.exec(text.trim());
    if (match === null)
      throw new Error(
        `--block-alpha: "${text.trim()}" is not BLOCK:ALPHA or FIRST-LAST:ALPHA, such as 0:0.2 or 1-3:0.5`,
      );
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last < first) throw new Error(`--block-alpha: "${text.trim()}" ends before it begins`);
    if (last > 100_000) throw new Error(`--block-alpha: there is no block ${last}`);
    for (let block = first; block <= last; block++) {
      if (at[block] !== undefined) throw new Error(`--block-alpha: block ${block} is given twice`);
      at[block] = share(match[3] as string, text.trim());
    }
  }
  return at;
}

/** A list: one α for each block from the first on. A mapping: by index or range of indices. */
function fromFile(path: string): Record<number, number> {
  let value: unknown;
  try {
    value = parse(readFileSync(path, "utf8"));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR")
      throw new Error(`--block-alpha: "${path}" is no such file, nor alphas such as 0:0.2,1:0.3 or 0.2..0.8`);
    throw new Error(`--block-alpha: ${path} cannot be read: ${message.split("\n")[0]}`);
  }
  if (typeof value !== "object" || value === null || Object.keys(value).length === 0)
    throw new Error(`--block-alpha: ${path} holds no list of alphas, nor a mapping from blocks to alphas`);
  const pairs = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  const wrong = pairs.find(([, alpha]) => typeof alpha !== "number");
  if (wrong !== undefined)
    throw new Error(
      `--block-alpha: ${path}: ${wrong[0]}: ${JSON.stringify(wrong[1])} is not a number from 0 to 1`,
    );
  try {
    return entries(pairs.map(([block, alpha]) => `${block}:${alpha}`));
  } catch (error) {
    throw new Error((error as Error).message.replace("--block-alpha: ", `--block-alpha: ${path}: `));
  }
}

function share(text: string, where: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 1))
    throw new Error(`--block-alpha: ${where}: ${text} is not a number from 0 to 1`);
  return value;
}
