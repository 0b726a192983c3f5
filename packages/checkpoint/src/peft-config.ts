/**
 * peft's adapter_config.json for LoRA. Whatever changes what an adapter means is read or refused by name; a key that is
 * null, false or empty says nothing.
 */
import { isJsonObject, type JsonValue } from "./json.js";

/** What an adapter is, in our words; the names in the file stand behind. */
export interface PeftLoraConfig {
  /** base_model_name_or_path, as it is written; null where the file has none */
  base: string | null;
  /** r */
  rank: number;
  /** lora_alpha */
  alpha: number;
  /** lora_dropout */
  dropout: number;
  /** target_modules: "all-linear", a regular expression, or names */
  targets: string | string[];
  /** exclude_modules */
  exclude?: string | string[];
  /** layers_to_transform */
  layers?: number[];
  /** layers_pattern */
  layersPattern?: string[];
  /** use_rslora */
  rsLora?: boolean;
  /** rank_pattern */
  rankPattern?: Record<string, number>;
  /** alpha_pattern */
  alphaPattern?: Record<string, number>;
}

/** Initial values that leave the base as it is; others (pissa, olora, loftq, …) train beside a changed base. */
const PLAIN_INITIAL = [true, false, "gaussian", "eva", "orthogonal"];

/** Keys that change nothing in a finished adapter. */
const WITHOUT_MEANING = [
  "auto_mapping",
  "inference_mode",
  "megatron_core",
  "peft_version",
  "qalora_group_size",
  "revision",
  "runtime_config",
  "corda_config",
  "eva_config",
  "loftq_config",
  "lora_ga_config",
];

/** Keys with a meaning that is not supported, and what it is. */
const REFUSED: Readonly<Record<string, string>> = {
  use_dora: "DoRA adds a magnitude to each row",
  use_qalora: "QALoRA pools the input",
  lora_bias: "B would have a bias",
  fan_in_fan_out: "weights would be stored transposed",
  modules_to_save: "whole layers would be trained beside the adapters",
  trainable_token_indices: "rows of the embedding would be trained",
  target_parameters: "bare parameters would be adapted",
  layer_replication: "layers would be repeated",
  alora_invocation_tokens: "activated LoRA works from a token on",
  ensure_weight_tying: "embeddings would be adapted",
};

/** @throws Error of one line that names the file and the key. */
export function readPeftConfig(json: Readonly<Record<string, JsonValue>>, path: string): PeftLoraConfig {
  const reader = new Reader(json, path);
  const type = reader.take("peft_type");
  if (type !== "LORA") throw reader.error("peft_type", `must be LORA, it is ${JSON.stringify(type)}`);
  const task = reader.take("task_type");
  if (says(task) && task !== "CAUSAL_LM")
    throw reader.error("task_type", `${JSON.stringify(task)} is not supported; only CAUSAL_LM is`);
  const bias = reader.take("bias");
  if (says(bias) && bias !== "none")
    throw reader.error("bias", `${JSON.stringify(bias)} is not supported: biases stay the base's`);
  const initial = reader.take("init_lora_weights");
  if (says(initial) && !PLAIN_INITIAL.includes(initial as string | boolean)) {
    throw reader.error(
      "init_lora_weights",
      `${JSON.stringify(initial)} is not supported: such an adapter belongs to a changed base; convert it to a plain one with peft`,
    );
  }
  const config: PeftLoraConfig = {
    base: reader.text("base_model_name_or_path"),
    rank: reader.whole("r"),
    alpha: reader.positive("lora_alpha", reader.take("lora_alpha")),
    dropout: reader.share("lora_dropout"),
    targets: reader.names("target_modules") ?? reader.missing("target_modules"),
    ...present("exclude", reader.names("exclude_modules")),
    ...present("layers", reader.indices("layers_to_transform")),
    ...present("layersPattern", reader.list("layers_pattern")),
    ...(reader.take("use_rslora") === true ? { rsLora: true } : {}),
    ...present("rankPattern", reader.pattern("rank_pattern")),
    ...present("alphaPattern", reader.pattern("alpha_pattern")),
  };
  reader.refuseRest();
  return config;
}

/** The file's content: keys as peft writes them, sorted; only those that every version of peft knows, and those in use. */
export function peftConfigJson(config: PeftLoraConfig): Record<string, unknown> {
  return {
    alpha_pattern: config.alphaPattern ?? {},
    auto_mapping: null,
    base_model_name_or_path: config.base,
    bias: "none",
    ...(config.exclude === undefined ? {} : { exclude_modules: config.exclude }),
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    layers_pattern: config.layersPattern ?? null,
    layers_to_transform: config.layers ?? null,
    lora_alpha: config.alpha,
    lora_dropout: config.dropout,
    modules_to_save: null,
    peft_type: "LORA",
    r: config.rank,
    rank_pattern: config.rankPattern ?? {},
    revision: null,
    target_modules: config.targets,
    task_type: "CAUSAL_LM",
    use_rslora: config.rsLora ?? false,
  };
}

/** Whether a value says anything: null, false, and what is empty do not. */
function says(value: JsonValue | undefined): value is JsonValue {
  if (value === undefined || value === null || value === false || value === "") return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}

function present<K extends string, V>(key: K, value: V | null): { [P in K]?: V } {
  return (value === null ? {} : { [key]: value }) as { [P in K]?: V };
}

/** Takes key after key, so that what is left is what was not understood. */
class Reader {
  readonly #path: string;
  readonly #left: Map<string, JsonValue>;

  constructor(json: Readonly<Record<string, JsonValue>>, path: string) {
    this.#path = path;
    this.#left = new Map(Object.entries(json));
  }

  error(key: string, message: string): Error {
    return new Error(`${this.#path}: "${key}": ${message}`);
  }

  missing(key: string): never {
    throw this.error(key, "is missing");
  }

  take(key: string): JsonValue | undefined {
    const value = this.#left.get(key);
    this.#left.delete(key);
    return value;
  }

  text(key: string): string | null {
    const value = this.take(key);
    if (!says(value)) return null;
    if (typeof value !== "string") throw this.error(key, "must be a text");
    return value;
  }

  whole(key: string, value: JsonValue | undefined = this.take(key)): number {
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1)
      throw this.error(key, `must be a whole number of at least 1, it is ${JSON.stringify(value)}`);
    return value;
  }

  positive(key: string, value: JsonValue | undefined): number {
    if (typeof value !== "number" || !(value > 0))
      throw this.error(key, `must be a number above 0, it is ${JSON.stringify(value)}`);
    return value;
  }

  share(key: string): number {
    const value = this.take(key) ?? 0;
    if (typeof value !== "number" || !(value >= 0 && value < 1))
      throw this.error(key, `must be a number, 0 or more and below 1, it is ${JSON.stringify(value)}`);
    return value;
  }

  /** A text, or a list of texts. */
  names(key: string): string | string[] | null {
    const value = this.take(key);
    if (!says(value)) return null;
    return typeof value === "string" ? value : this.#texts(key, value);
  }

  list(key: string): string[] | null {
    const names = this.names(key);
    return typeof names === "string" ? [names] : names;
  }

  #texts(key: string, value: JsonValue): string[] {
    if (!Array.isArray(value) || !value.every((item) => typeof item === "string"))
      throw this.error(key, "must be a text or a list of texts");
    return value;
  }

  indices(key: string): number[] | null {
    const value = this.take(key);
    if (!says(value)) return null;
    const list = Array.isArray(value) ? value : [value];
    if (!list.every((item): item is number => Number.isSafeInteger(item)))
      throw this.error(key, "must be a whole number or a list of them");
    return list;
  }

  pattern(key: "rank_pattern" | "alpha_pattern"): Record<string, number> | null {
    const value = this.take(key);
    if (!says(value)) return null;
    if (!isJsonObject(value)) throw this.error(key, "must be an object");
    const check = (name: string, number: JsonValue) =>
      key === "rank_pattern" ? this.whole(`${key}.${name}`, number) : this.positive(`${key}.${name}`, number);
    return Object.fromEntries(Object.entries(value).map(([name, number]) => [name, check(name, number)]));
  }

  refuseRest(): void {
    for (const [key, value] of this.#left) {
      if (!says(value) || WITHOUT_MEANING.includes(key)) continue;
      const why = REFUSED[key] ?? "not known here, and it may change what the adapter means";
      throw this.error(key, `${JSON.stringify(value).slice(0, 60)} is not supported: ${why}`);
    }
  }
}
