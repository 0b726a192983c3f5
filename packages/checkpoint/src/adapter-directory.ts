/** A LoRA adapter as peft saves it: a directory with adapter_config.json and adapter_model.safetensors. */
import { createHash } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { makeDirectory, recover, replaceDirectory, temporaryPath } from "./atomic.js";
import { eachChunkOfFile } from "./hf-directory.js";
import { copyTokenizer, refuseForeign } from "./hf-save.js";
import { parseJsonObject } from "./json.js";
import { type PeftLoraConfig, peftConfigJson, readPeftConfig } from "./peft-config.js";
import { isDirectory, isFile, readText } from "./read-error.js";
import { openSafetensors, type SafetensorsFile } from "./safetensors-read.js";
import { type TensorSource, writeSafetensors } from "./safetensors-write.js";
import { writeError } from "./write-error.js";

export const ADAPTER_CONFIG_FILE = "adapter_config.json";
export const ADAPTER_WEIGHTS_FILE = "adapter_model.safetensors";

/** Key in the safetensors metadata: the hash of the base that an adapter of ours was trained on (`hashModelDirectory`). */
const BASE_HASH = "outright.base";

export interface AdapterDirectory {
  readonly dir: string;
  readonly config: PeftLoraConfig;
  /** names the adapter: a hash of its settings and weights, not of where it or its base lies */
  readonly hash: string;
  /** hash of its base, where it was saved by us */
  readonly baseHash: string | null;
  /** Opens the weights; the caller closes them. */
  open(): SafetensorsFile;
}

export const isAdapterDirectory = (dir: string): boolean => isFile(join(dir, ADAPTER_CONFIG_FILE));

/** @throws Error of one line where it is missing, incomplete, or holds what is not supported. */
export function openAdapterDirectory(dir: string): AdapterDirectory {
  const path = join(dir, ADAPTER_CONFIG_FILE);
  if (!isFile(path)) throw noAdapter(dir);
  const config = readPeftConfig(parseJsonObject(readText(path, ""), path), path);
  const weights = join(dir, ADAPTER_WEIGHTS_FILE);
  if (!isFile(weights)) {
    const pickle = isFile(join(dir, "adapter_model.bin"))
      ? "; adapter_model.bin is PyTorch's pickle format and is not read, save it again with safe_serialization=True"
      : "; copy or download it again";
    throw new Error(`${weights}: there is no such file${pickle}`);
  }
  const open = () => openSafetensors(weights);
  const file = open();
  const baseHash = file.metadata[BASE_HASH] ?? null;
  file.close();
  const { base: _, ...settings } = config;
  const hash = createHash("sha256").update(JSON.stringify(settings));
  eachChunkOfFile(weights, (chunk) => hash.update(chunk));
  return { dir, config, hash: hash.digest("hex"), baseHash, open };
}

function noAdapter(dir: string): Error {
  if (!isDirectory(dir))
    return new Error(`${dir}: there is no such directory; give one with ${ADAPTER_CONFIG_FILE}`);
  const inRun = isAdapterDirectory(join(dir, "adapter")) ? `; did you mean ${join(dir, "adapter")}?` : "";
  return new Error(`${dir}: holds no adapter (${ADAPTER_CONFIG_FILE})${inRun}`);
}

export interface AdapterToSave {
  config: PeftLoraConfig;
  /** under peft's names */
  tensors: Iterable<TensorSource>;
  /** hash of the base */
  baseHash: string;
  /** a model directory whose tokenizer files are copied */
  tokenizerFrom?: string | undefined;
}

/**
 * The directory appears complete and flushed, or not at all; one that exists is replaced if it holds nothing else.
 * @throws Error of one line where it may not be replaced or cannot be written.
 */
export function saveAdapterDirectory(target: string, adapter: AdapterToSave): void {
  const path = resolve(target);
  const temporary = temporaryPath(path);
  recover(dirname(path), { only: path.slice(dirname(path).length + 1) });
  refuseForeign(path, target, [ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE]);
  try {
    rmSync(temporary, { recursive: true, force: true });
    makeDirectory(temporary);
    const json = JSON.stringify(peftConfigJson(adapter.config), null, 2);
    writeFileSync(join(temporary, ADAPTER_CONFIG_FILE), `${json}\n`);
    writeSafetensors(join(temporary, ADAPTER_WEIGHTS_FILE), adapter.tensors, {
      format: "pt",
      [BASE_HASH]: adapter.baseHash,
    });
    if (adapter.tokenizerFrom !== undefined) copyTokenizer(adapter.tokenizerFrom, temporary);
    replaceDirectory(temporary, path);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    const cause = error instanceof Error ? error.cause : undefined;
    throw writeError(cause ?? error, "the adapter", target);
  }
}
