/**
 * A model directory as people give it: a Hugging Face directory, or an adapter's, which stands on a base, which may be an
 * adapter's again. The whole chain is followed, so that no stage of training is lost.
 */
import { createHash } from "node:crypto";
import { existsSync, realpathSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import {
  ADAPTER_CONFIG_FILE,
  type AdapterDirectory,
  isAdapterDirectory,
  openAdapterDirectory,
} from "./adapter-directory.js";
import { hashModelDirectory, WEIGHTS_FILE } from "./hf-directory.js";
import { isDirectory, isFile } from "./read-error.js";

export interface ModelChain {
  /** the Hugging Face directory at the bottom */
  readonly base: string;
  /** in the order they are added to it; empty for a plain model */
  readonly adapters: readonly AdapterDirectory[];
  /** the directory whose tokenizer counts: the topmost that has one */
  readonly tokenizer: string;
}

/**
 * @param base stands in place of the one that the adapter in `dir` names
 * @throws Error of one line where a part is missing, or an adapter's base is not the one it was trained on
 */
export function openModelChain(dir: string, base?: string): ModelChain {
  const adapters: AdapterDirectory[] = [];
  const visited = new Set<string>();
  let at = dir;
  while (isAdapterDirectory(at)) {
    if (isFile(join(at, WEIGHTS_FILE))) {
      throw new Error(
        `${at}: holds both an adapter (${ADAPTER_CONFIG_FILE}) and a whole model (${WEIGHTS_FILE}); keep one of them there`,
      );
    }
    const real = realpathSync(at);
    if (visited.has(real)) throw new Error(`${dir}: its chain of bases leads back to ${at}`);
    visited.add(real);
    const adapter = openAdapterDirectory(at);
    adapters.unshift(adapter);
    at = visited.size === 1 && base !== undefined ? base : baseOf(adapter);
  }
  const chain = { base: at, adapters, tokenizer: [dir, ...parents(adapters, at)].find(hasTokenizer) ?? at };
  if (base === undefined) refuseOtherBases(chain);
  return chain;
}

const hasTokenizer = (dir: string): boolean => isFile(join(dir, "tokenizer.json"));

const parents = (adapters: readonly AdapterDirectory[], base: string): string[] => [
  ...adapters.map(({ dir }) => dir).reverse(),
  base,
];

/** Where an adapter's base lies; a relative path starts from the working directory, as in peft, or from the adapter. */
function baseOf({ dir, config: { base } }: AdapterDirectory): string {
  const where = join(dir, ADAPTER_CONFIG_FILE);
  if (base === null) throw new Error(`${where}: names no base (base_model_name_or_path)`);
  const candidates = isAbsolute(base) ? [base] : [resolve(base), resolve(dir, base)];
  const found = candidates.find(isDirectory);
  if (found !== undefined) return found;
  throw new Error(
    `${where}: its base "${base}" (base_model_name_or_path) is not there; put it there, or merge the adapter with \`outright export --adapter ${dir} --model BASE --out DIR\` and use that`,
  );
}

/** An adapter of ours knows its base's hash: on other weights it would mean something else, and nobody would see it. */
function refuseOtherBases({ base, adapters }: ModelChain): void {
  adapters.forEach(({ dir, baseHash }, i) => {
    if (baseHash === null) return;
    if (baseHash !== hashOf(base, adapters.slice(0, i)))
      throw new Error(
        `${dir}: was trained on other weights than those in ${base}; bring back that base, or name one yourself with \`outright export --adapter ${dir} --model BASE --out DIR\``,
      );
  });
}

/** Names the weights of a chain (`hashModelDirectory` for a plain model): what cached results depend on. */
export function hashModelChain({ base, adapters }: ModelChain): string {
  return hashOf(base, adapters);
}

function hashOf(base: string, adapters: readonly AdapterDirectory[]): string {
  const whole = hashModelDirectory(base);
  if (adapters.length === 0) return whole;
  return createHash("sha256")
    .update([whole, ...adapters.map(({ hash }) => hash)].join("\n"))
    .digest("hex");
}

/** The directory that a tokenizer is read from, for a model that may be an adapter's. */
export function tokenizerDirectory(dir: string, base?: string): string {
  return existsSync(dir) && isAdapterDirectory(dir) && !hasTokenizer(dir)
    ? openModelChain(dir, base).tokenizer
    : dir;
}
