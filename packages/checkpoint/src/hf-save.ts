/** Writing a Hugging Face model directory, whole or not at all. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { makeDirectory, recover, replaceDirectory, temporaryPath } from "./atomic.js";
import { CONFIG_FILE, INDEX_FILE, WEIGHTS_FILE } from "./hf-directory.js";
import { parseJson } from "./json.js";
import { isDirectory, isFile } from "./read-error.js";
import { byteSize } from "./safetensors-header.js";
import { type TensorSource, writeSafetensors } from "./safetensors-write.js";
import { writeError } from "./write-error.js";

const TOKENIZER_FILES = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "tokenizer.model",
  "vocab.json",
  "vocab.txt",
  "merges.txt",
  "chat_template.jinja",
  "chat_template.json",
];
/** What a tokenizer and a generation need besides the weights. */
const COMPANION_FILES = [...TOKENIZER_FILES, "generation_config.json"];

/** transformers' own default. */
const DEFAULT_SHARD_BYTES = 5_000_000_000;

export interface ModelToSave {
  config: Readonly<Record<string, unknown>>;
  tensors: Iterable<TensorSource>;
  /** A model directory whose tokenizer files and generation_config.json are copied. */
  copyFrom?: string | undefined;
  /** A directory whose tokenizer files take the place of those of `copyFrom`. */
  tokenizerFrom?: string | undefined;
  /** Of the safetensors files; {format: "pt"} by default, without which transformers refuses them. */
  metadata?: Readonly<Record<string, string>> | undefined;
  /** No shard is larger, but for one that holds a single tensor; 5 GB by default. */
  maxShardBytes?: number | undefined;
}

/**
 * The directory appears complete and flushed, or not at all. One that exists is replaced only if it holds nothing but
 * files of a model: anything else in it would be lost.
 * @throws Error of one line where it may not be replaced or cannot be written.
 */
export function saveModelDirectory(target: string, model: ModelToSave): void {
  const path = resolve(target); // without a trailing slash, so that its parent is its parent
  const temporary = temporaryPath(path);
  const sources = [...model.tensors];
  const bytes = sources.reduce((sum, { dtype, shape }) => sum + byteSize(dtype, shape), 0);
  recover(dirname(path), { only: path.slice(dirname(path).length + 1) });
  refuseForeign(path, target, []);
  try {
    rmSync(temporary, { recursive: true, force: true });
    makeDirectory(temporary);
    writeConfig(join(temporary, CONFIG_FILE), model);
    writeWeights(temporary, sources, model);
    if (model.copyFrom !== undefined) {
      copyFiles(COMPANION_FILES, model.copyFrom, temporary);
      if (model.tokenizerFrom !== undefined) copyTokenizer(model.tokenizerFrom, temporary);
    }
    replaceDirectory(temporary, path);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw writeError(systemCause(error), "model", target, bytes);
  }
}

/** An error of a part is told as one of the whole: people know the directory, not its temporary name. */
function systemCause(error: unknown): unknown {
  const cause = error instanceof Error ? error.cause : undefined;
  return (cause as NodeJS.ErrnoException | undefined)?.code === undefined ? error : cause;
}

/** @param also names that belong there beside those of a model */
export function refuseForeign(path: string, target: string, also: readonly string[]): void {
  if (!existsSync(path)) return;
  if (!isDirectory(path)) throw new Error(`${target}: is a file; choose another place for the model`);
  const foreign = readdirSync(path).find((name) => !isModelFile(name) && !also.includes(name));
  if (foreign !== undefined) {
    throw new Error(
      `${target}: holds "${foreign}", which is no part of a model and would be lost; choose another place or remove it`,
    );
  }
}

function isModelFile(name: string): boolean {
  return (
    name === CONFIG_FILE ||
    name === INDEX_FILE ||
    COMPANION_FILES.includes(name) ||
    /^model(-\d{5}-of-\d{5})?\.safetensors$/.test(name)
  );
}

/**
 * JavaScript reads 10000.0 as the integer 10000, and Python would read back an integer; so the text of an unchanged
 * config is taken as it is.
 */
function writeConfig(path: string, { config, copyFrom }: ModelToSave): void {
  const source = copyFrom === undefined ? "" : join(copyFrom, CONFIG_FILE);
  const text = isFile(source) ? readFileSync(source, "utf8") : "null";
  const isUnchanged = isDeepStrictEqual(parseJson(text, source), config);
  writeFileSync(path, isUnchanged ? text : `${JSON.stringify(config, null, 2)}\n`);
}

function writeWeights(dir: string, sources: readonly TensorSource[], model: ModelToSave): void {
  const { metadata = { format: "pt" }, maxShardBytes = DEFAULT_SHARD_BYTES } = model;
  const shards = shard(sources, maxShardBytes);
  if (shards.length <= 1) {
    writeSafetensors(join(dir, WEIGHTS_FILE), sources, metadata);
    return;
  }
  const weightMap: Record<string, string> = {};
  let totalSize = 0;
  const digits = (count: number) => String(count).padStart(5, "0");
  for (const [index, tensors] of shards.entries()) {
    const file = `model-${digits(index + 1)}-of-${digits(shards.length)}.safetensors`;
    writeSafetensors(join(dir, file), tensors, metadata);
    for (const { name, dtype, shape } of tensors) {
      weightMap[name] = file;
      totalSize += byteSize(dtype, shape);
    }
  }
  const index = { metadata: { total_size: totalSize }, weight_map: weightMap };
  writeFileSync(join(dir, INDEX_FILE), `${JSON.stringify(index, null, 2)}\n`);
}

/** In order; a new shard begins where the next tensor would make this one too large. */
function shard(sources: readonly TensorSource[], maxBytes: number): TensorSource[][] {
  const shards: TensorSource[][] = [];
  let room = 0;
  for (const source of sources) {
    const bytes = byteSize(source.dtype, source.shape);
    const last = shards.at(-1);
    if (last === undefined || bytes > room) {
      shards.push([source]);
      room = maxBytes - bytes;
    } else {
      last.push(source);
      room -= bytes;
    }
  }
  return shards;
}

export const copyTokenizer = (from: string, to: string): void => copyFiles(TOKENIZER_FILES, from, to);

function copyFiles(names: readonly string[], from: string, to: string): void {
  for (const name of names) {
    const source = join(from, name);
    // By content: a copy of a read-only file shall not be read-only.
    if (isFile(source)) writeFileSync(join(to, name), readFileSync(source));
  }
}
