/** Reads what the architectures need out of a Hugging Face config.json. */

export type JsonConfig = Readonly<Record<string, unknown>>;

export type RopeScaling =
  | { type: "linear"; factor: number }
  | {
      type: "llama3";
      factor: number;
      lowFreqFactor: number;
      highFreqFactor: number;
      originalMaxPositions: number;
    };

/** Typed access to a JSON object, with one-line errors that name the key. */
export class ConfigReader {
  readonly #config: JsonConfig;
  readonly #where: string;

  constructor(config: JsonConfig, where = "config.json") {
    this.#config = config;
    this.#where = where;
  }

  has(key: string): boolean {
    return this.#config[key] !== undefined && this.#config[key] !== null;
  }

  number(key: string, fallback?: number): number {
    const value = this.#config[key] ?? fallback;
    if (typeof value !== "number" || !Number.isFinite(value)) {
      throw new Error(
        `${this.#where}: "${key}" must be a number${value === undefined ? ", it is missing" : ""}`,
      );
    }
    return value;
  }

  /** A whole number of at least 1. */
  size(key: string, fallback?: number): number {
    const value = this.number(key, fallback);
    if (!Number.isInteger(value) || value < 1) {
      throw new Error(`${this.#where}: "${key}" must be a whole number of at least 1, it is ${value}`);
    }
    return value;
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.#config[key] ?? fallback;
    if (typeof value !== "boolean") throw new Error(`${this.#where}: "${key}" must be true or false`);
    return value;
  }

  string(key: string, fallback?: string): string {
    const value = this.#config[key] ?? fallback;
    if (typeof value !== "string") throw new Error(`${this.#where}: "${key}" must be a text`);
    return value;
  }

  object(key: string): ConfigReader | null {
    const value = this.#config[key];
    if (value === undefined || value === null) return null;
    if (typeof value !== "object" || Array.isArray(value)) {
      throw new Error(`${this.#where}: "${key}" must be an object`);
    }
    return new ConfigReader(value as JsonConfig, `${this.#where}: ${key}`);
  }

  /** Refuses a setting that changes the model in a way that is not implemented. */
  refuse(key: string, unless: (value: unknown) => boolean, why: string): void {
    const value = this.#config[key];
    if (value !== undefined && value !== null && !unless(value)) {
      throw new Error(`${this.#where}: "${key}": ${JSON.stringify(value)} is not supported: ${why}`);
    }
  }
}

export interface RopeSettings {
  base: number;
  /** share of each head's dimensions that turn */
  fraction: number;
  scaling: RopeScaling | null;
}

/**
 * Rotary settings, in the older form (rope_theta, rope_scaling, rotary_pct, rotary_emb_base) or the newer
 * (rope_parameters).
 */
export function readRope(config: ConfigReader): RopeSettings {
  const newer = config.object("rope_parameters");
  const scalingPart = newer ?? config.object("rope_scaling");
  const flatBase = config.has("rope_theta")
    ? config.number("rope_theta")
    : config.number("rotary_emb_base", 10000);
  const flatFraction = config.has("partial_rotary_factor")
    ? config.number("partial_rotary_factor")
    : config.number("rotary_pct", 1);
  return {
    base: newer?.number("rope_theta", flatBase) ?? flatBase,
    fraction: newer?.number("partial_rotary_factor", flatFraction) ?? flatFraction,
    scaling: scalingPart === null ? null : readScaling(scalingPart),
  };
}

function readScaling(part: ConfigReader): RopeScaling | null {
  const type = part.has("rope_type") ? part.string("rope_type") : part.string("type", "default");
  if (type === "default") return null;
  if (type === "linear") return { type, factor: part.number("factor") };
  if (type === "llama3") {
    return {
      type,
      factor: part.number("factor"),
      lowFreqFactor: part.number("low_freq_factor"),
      highFreqFactor: part.number("high_freq_factor"),
      originalMaxPositions: part.number("original_max_position_embeddings"),
    };
  }
  throw new Error(
    `config.json: rope scaling "${type}" is not supported; supported are default, linear and llama3`,
  );
}

/** "exact" or "tanh" for the names Hugging Face gives GELU. */
export function readGelu(activation: string): "exact" | "tanh" {
  if (activation === "gelu") return "exact";
  if (["gelu_new", "gelu_fast", "gelu_pytorch_tanh"].includes(activation)) return "tanh";
  throw new Error(
    `config.json: hidden_act "${activation}" is not supported for GPT-NeoX; supported are gelu, gelu_new, gelu_fast and gelu_pytorch_tanh`,
  );
}

/** Refuses head counts that do not divide. */
export function expectDivides(what: string, part: number, whole: number): void {
  if (whole % part !== 0) throw new Error(`config.json: ${what}: ${whole} is not a multiple of ${part}`);
}
