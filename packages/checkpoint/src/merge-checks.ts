/** Whether models can be averaged: the same architecture, tensors and tokenizer. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { isAdapterDirectory } from "./adapter-directory.js";
import {
  CONFIG_FILE,
  eachChunkOfFile,
  type ModelDirectory,
  openModelDirectory,
  type WeightSource,
} from "./hf-directory.js";
import { isJsonObject, type JsonValue } from "./json.js";
import { isFile } from "./read-error.js";

/** Keys of config.json that say how a model was saved or is run, not what it computes. */
const FREE_KEYS = ["_name_or_path", "dtype", "torch_dtype", "transformers_version", "use_cache"];

/** Files that say which text an id stands for. */
const VOCABULARY_FILES = ["tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "merges.txt"];

/** Tensors of older files that a model computes anew, and a head that is the embedding where both are tied. */
const COMPUTED = /\.(attention\.(bias|masked_bias)|rotary_emb\.inv_freq)$/;
const HEADS = ["lm_head.weight", "embed_out.weight"];

/** What may differ where it is allowed; the first model's is then taken. */
export type MergeDifference = "config" | "tokenizer";

export interface OpenModel extends ModelDirectory {
  readonly weights: WeightSource;
}

/** A run's directory stands for its `model/`. @throws Error of one line where there is no whole model */
export function openToMerge(given: string): OpenModel {
  const isRun = !existsSync(join(given, CONFIG_FILE)) && existsSync(join(given, "model", CONFIG_FILE));
  const dir = isRun ? join(given, "model") : given;
  const adapter = [dir, join(dir, "adapter")].find(isAdapterDirectory);
  if (adapter !== undefined && (adapter === dir || !existsSync(join(dir, CONFIG_FILE)))) {
    throw new Error(
      `${given}: holds an adapter, not a whole model; write one with \`outright export --adapter ${adapter} --out DIR\` and merge that`,
    );
  }
  if (!existsSync(join(dir, CONFIG_FILE)) && existsSync(join(dir, "metrics.jsonl")))
    throw new Error(
      `${given}: is a run without a \`model/\`: it is not finished, finish it with \`outright train --resume ${given}\``,
    );
  const model = openModelDirectory(dir);
  if (model.weights === null) throw new Error(`${dir}: there are no weights (model.safetensors) in it`);
  return model as OpenModel;
}

/**
 * @returns one line for each difference that is allowed
 * @throws Error of one line for one that is not
 */
export function compareModels(models: readonly OpenModel[], allowed: readonly MergeDifference[]): string[] {
  const [first, ...others] = models as readonly [OpenModel, ...OpenModel[]];
  const notes: string[] = [];
  const differ = (what: MergeDifference, message: string) => {
    if (!allowed.includes(what))
      throw new Error(`${message}; take the first model's with --allow ${what}, or merge other models`);
    notes.push(`${message}: the first model's is taken`);
  };
  for (const other of others) {
    const where = `${other.dir}: config.json`;
    const { differ: keys, oneSided } = configDifferences(first, other);
    if (oneSided.length > 0)
      notes.push(
        `${where} and ${first.dir}'s do not both say ${oneSided.join(", ")}: the first model's is taken`,
      );
    if (keys.length > 0) differ("config", `${where} differs from ${first.dir}'s in ${keys.join(", ")}`);
    const file = VOCABULARY_FILES.find((name) => differs(first.dir, other.dir, name));
    if (file !== undefined) differ("tokenizer", `${other.dir}: ${file} differs from ${first.dir}'s`);
  }
  return notes;
}

/** "hidden_size (64, 128)": keys that both files give, and those that only one does, whose default is not known here. */
function configDifferences(a: ModelDirectory, b: ModelDirectory): { differ: string[]; oneSided: string[] } {
  const [of, other] = [comparable(a.config), comparable(b.config)];
  const told = (value: unknown) => (value === undefined ? "absent" : JSON.stringify(value));
  const differ: string[] = [];
  const oneSided: string[] = [];
  for (const key of new Set([...Object.keys(of), ...Object.keys(other)])) {
    if (FREE_KEYS.includes(key) || isDeepStrictEqual(of[key], other[key])) continue;
    const list = of[key] === undefined || other[key] === undefined ? oneSided : differ;
    list.push(`${key} (${told(of[key])}, ${told(other[key])})`);
  }
  return { differ, oneSided };
}

/**
 * What a config says, null being unsaid, and rotary embedding in one way: transformers 5 writes as rope_parameters what
 * earlier versions wrote as rope_theta (GPT-NeoX: rotary_emb_base), rotary_pct and rope_scaling.
 */
function comparable(config: ModelDirectory["config"]): Record<string, unknown> {
  const {
    rope_parameters,
    rope_theta,
    rotary_emb_base,
    rotary_pct,
    partial_rotary_factor,
    rope_scaling,
    ...rest
  } = config;
  const object = (value: JsonValue | undefined) => (isJsonObject(value) ? value : {});
  const { rope_theta: theta, partial_rotary_factor: partial, ...parameters } = object(rope_parameters);
  const { type, ...given } = { ...object(rope_scaling), ...parameters };
  const scaling: Record<string, unknown> = { ...(type === undefined ? {} : { rope_type: type }), ...given };
  const said = {
    ...rest,
    rope_theta: theta ?? rope_theta ?? rotary_emb_base,
    rotary_pct: partial ?? rotary_pct ?? partial_rotary_factor,
    rope_scaling: (scaling["rope_type"] ?? "default") === "default" ? "default" : scaling,
  };
  return Object.fromEntries(
    Object.entries(said).filter(([, value]) => value !== null && value !== undefined),
  );
}

function differs(a: string, b: string, name: string): boolean {
  const paths = [join(a, name), join(b, name)];
  if (!paths.every(isFile)) return false;
  const [hashA, hashB] = paths.map((path) => {
    const hash = createHash("sha256");
    eachChunkOfFile(path, (chunk) => hash.update(chunk));
    return hash.digest("hex");
  });
  return hashA !== hashB;
}

/**
 * The tensors that all models have, in the first one's order, and those left out: computed ones, and heads that are the
 * embedding, where not every file has them.
 * @throws Error of one line where another is missing or shapes differ
 */
export function commonTensors(models: readonly OpenModel[]): { names: string[]; leftOut: string[] } {
  const [first, ...others] = models as readonly [OpenModel, ...OpenModel[]];
  const present = models.map(({ weights }) => new Set(weights.names()));
  const tied = first.config.tie_word_embeddings === true;
  const names: string[] = [];
  const leftOut: string[] = [];
  for (const name of new Set(models.flatMap(({ weights }) => weights.names()))) {
    const without = present.findIndex((set) => !set.has(name));
    if (without < 0) names.push(name);
    else if (COMPUTED.test(name) || (tied && HEADS.includes(name))) leftOut.push(name);
    else {
      const having = present.findIndex((set) => set.has(name));
      throw new Error(
        `${models[without]?.dir}: has no tensor "${name}", which ${models[having]?.dir} has; only models of the same tensors can be merged`,
      );
    }
  }
  for (const name of names) {
    const { shape } = first.weights.info(name);
    for (const { dir, weights } of others) {
      const other = weights.info(name).shape;
      if (!isDeepStrictEqual(other, shape))
        throw new Error(`${dir}: tensor "${name}" has shape [${other}], in ${first.dir} it has [${shape}]`);
    }
  }
  return { names, leftOut };
}
