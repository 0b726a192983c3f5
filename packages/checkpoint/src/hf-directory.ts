/** Reading a Hugging Face model directory: config.json and weights in one safetensors file or in shards. */
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { basename, join } from "node:path";
import { isJsonObject, type JsonValue, parseJsonObject } from "./json.js";
import { isDirectory, isFile, readError, readText } from "./read-error.js";
import type { TensorInfo } from "./safetensors-header.js";
import { openSafetensors, type SafetensorsFile } from "./safetensors-read.js";

export const CONFIG_FILE = "config.json";
export const WEIGHTS_FILE = "model.safetensors";
export const INDEX_FILE = "model.safetensors.index.json";

/** A model's tensors by name, from however many files. */
export interface WeightSource {
  names(): string[];
  info(name: string): TensorInfo;
  /** F32, F16 and BF16 exactly; F64 rounded to nearest. */
  readFloat32(name: string): Float32Array;
  /** The same in parts, `at` being the index of a part's first element; a part is overwritten by the next. */
  eachFloat32(name: string, store: (part: Float32Array, at: number) => void): void;
  /** The same for reading several tensors in step: parts are equally long in every file, but for a tensor's last. */
  float32Parts(name: string): Iterable<Float32Array>;
  /** The bytes as they are in the file. */
  readRaw(name: string): Uint8Array;
  close(): void;
}

export interface ModelDirectory {
  readonly dir: string;
  readonly config: Record<string, JsonValue>;
  /** Null where the directory holds none (a model to be initialised at random). */
  readonly weights: WeightSource | null;
}

/** @throws Error of one line where the directory is missing, incomplete or damaged. */
export function openModelDirectory(dir: string): ModelDirectory {
  const config = readConfig(dir);
  const files = weightFiles(dir);
  if (files === null) return { dir, config, weights: null };
  return {
    dir,
    config,
    weights: files.index === null ? openSafetensors(join(dir, WEIGHTS_FILE)) : openShards(dir, files.index),
  };
}

function readConfig(dir: string): Record<string, JsonValue> {
  if (!isDirectory(dir)) {
    throw new Error(
      `${dir}: there is no such directory; give a model directory with ${CONFIG_FILE} and ${WEIGHTS_FILE}`,
    );
  }
  const path = join(dir, CONFIG_FILE);
  return parseJsonObject(readText(path, "a model directory needs one"), path);
}

interface WeightFiles {
  /** Names within the directory, in order. */
  names: string[];
  /** File of each tensor, where there are shards. */
  index: Map<string, string> | null;
}

function weightFiles(dir: string): WeightFiles | null {
  if (isFile(join(dir, WEIGHTS_FILE))) return { names: [WEIGHTS_FILE], index: null };
  if (isFile(join(dir, INDEX_FILE))) {
    const index = readIndex(join(dir, INDEX_FILE));
    return { names: [...new Set(index.values())].sort(), index };
  }
  for (const name of ["pytorch_model.bin", "pytorch_model.bin.index.json"]) {
    if (isFile(join(dir, name))) {
      throw new Error(
        `${join(dir, name)}: weights in PyTorch's pickle format are not read; convert them to ${WEIGHTS_FILE} (transformers: save_pretrained with safe_serialization=True)`,
      );
    }
  }
  return null;
}

function readIndex(path: string): Map<string, string> {
  const { weight_map: weightMap } = parseJsonObject(readText(path, "it lists the shards"), path);
  if (!isJsonObject(weightMap))
    throw new Error(`${path}: has no object "weight_map"; copy or download it again`);
  const index = new Map<string, string>();
  for (const [tensor, file] of Object.entries(weightMap)) {
    const isPlainName =
      typeof file === "string" && file !== "" && file === basename(file) && !file.startsWith(".");
    if (!isPlainName) {
      throw new Error(
        `${path}: weight_map gives tensor "${tensor}" the file ${JSON.stringify(file)}, which is no file name`,
      );
    }
    index.set(tensor, file);
  }
  if (index.size === 0) throw new Error(`${path}: its weight_map is empty; copy or download it again`);
  return index;
}

function openShards(dir: string, index: ReadonlyMap<string, string>): WeightSource {
  const shards = new Map<string, SafetensorsFile>();
  const close = () => {
    for (const shard of shards.values()) shard.close();
  };
  try {
    for (const [tensor, file] of index) {
      const path = join(dir, file);
      if (!shards.has(file)) {
        if (!isFile(path))
          throw new Error(
            `${path}: there is no such file, but ${INDEX_FILE} names it; copy or download the shard`,
          );
        shards.set(file, openSafetensors(path));
      }
      if (!shards.get(file)?.tensors.has(tensor)) {
        throw new Error(
          `${path}: there is no tensor "${tensor}" in it, but ${INDEX_FILE} says so; copy or download both again`,
        );
      }
    }
  } catch (error) {
    close();
    throw error;
  }
  const shardOf = (tensor: string): SafetensorsFile => {
    const shard = shards.get(index.get(tensor) ?? "");
    if (shard === undefined)
      throw new Error(`${join(dir, INDEX_FILE)}: there is no tensor "${tensor}" in it`);
    return shard;
  };
  return {
    names: () => [...index.keys()],
    info: (name) => shardOf(name).info(name),
    readFloat32: (name) => shardOf(name).readFloat32(name),
    eachFloat32: (name, store) => shardOf(name).eachFloat32(name, store),
    float32Parts: (name) => shardOf(name).float32Parts(name),
    readRaw: (name) => shardOf(name).readRaw(name),
    close,
  };
}

const HASH_CHUNK_BYTES = 8 << 20;

/**
 * SHA-256, in hexadecimal digits, over names, sizes and bytes of config.json and the weight files: what a cached
 * result of this model depends on. Renaming the directory changes nothing; the tokenizer is not part of it.
 */
export function hashModelDirectory(dir: string): string {
  readConfig(dir);
  const hash = createHash("sha256");
  for (const name of [CONFIG_FILE, ...(weightFiles(dir)?.names ?? [])]) {
    const bytes = eachChunkOfFile(join(dir, name), (chunk) => hash.update(chunk));
    hash.update(`\n${name} ${bytes}\n`);
  }
  return hash.digest("hex");
}

/** @returns the file's size in bytes. */
export function eachChunkOfFile(path: string, use: (chunk: Uint8Array) => void): number {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (error) {
    throw readError(error, path, "copy or download it again");
  }
  try {
    const buffer = Buffer.allocUnsafe(HASH_CHUNK_BYTES);
    let position = 0;
    for (;;) {
      const count = readSync(descriptor, buffer, 0, buffer.byteLength, position);
      if (count === 0) return position;
      use(buffer.subarray(0, count));
      position += count;
    }
  } finally {
    closeSync(descriptor);
  }
}
