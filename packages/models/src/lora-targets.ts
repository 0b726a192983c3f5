/** Which linear layers get an adapter, and of which rank and scale: peft's rules. */
import type { LanguageModel } from "./language-model.js";
import type { Linear } from "./linear.js";

export interface LoraSettings {
  rank: number;
  alpha: number;
  /** probability, in [0, 1), that an adapter's input is dropped while training */
  dropout: number;
  /**
   * "all-linear"; another text is a regular expression that a layer's whole name must match; a list holds names of layers,
   * whole or their last parts ("query_key_value", "attention.dense").
   */
  targets: string | readonly string[];
  /** layers that get none although they are targets; regular expression or names, as in `targets` */
  exclude?: string | readonly string[];
  /** only blocks of these indices, with `targets` a list */
  layers?: readonly number[];
  /** names that may stand before a block's index; any where absent */
  layersPattern?: readonly string[];
  /** scale alpha / √rank (Kalajdzievski 2023) in place of alpha / rank */
  rsLora?: boolean;
  /** other ranks and alphas by a regular expression over the end of a layer's name; the first that matches counts */
  rankPattern?: Readonly<Record<string, number>>;
  alphaPattern?: Readonly<Record<string, number>>;
}

export interface LoraTarget {
  linear: Linear;
  rank: number;
  scale: number;
}

/** Names of a model's head and embedding in Hugging Face files and in transformers: no linear layers of ours. */
const NOT_LAYERS = ["lm_head", "embed_out", "embed_tokens", "embed_in"];

/**
 * The layers in the order of the model.
 * @throws one line that names the first target no layer matches, and the names there are
 */
export function loraTargets(model: LanguageModel, settings: LoraSettings): LoraTarget[] {
  const { linears } = model;
  const { targets, exclude, layers } = settings;
  const names = linears.map(({ name }) => name);
  const wanted = typeof targets === "string" ? byText(targets, names) : byNames(targets, names);
  const excluded = exclude === undefined ? () => false : matcher(exclude);
  const inLayers = layers === undefined || typeof targets === "string" ? () => true : blockFilter(settings);
  const chosen = linears.filter(({ name }) => wanted(name) && !excluded(name) && inLayers(name));
  if (chosen.length === 0) {
    throw new Error(
      "no layer is left to adapt after excluded layers and those of other blocks are taken out",
    );
  }
  return chosen.map((linear) => {
    const rank = patternValue(settings.rankPattern, linear.name) ?? settings.rank;
    const alpha = patternValue(settings.alphaPattern, linear.name) ?? settings.alpha;
    return { linear, rank, scale: alpha / (settings.rsLora === true ? Math.sqrt(rank) : rank) };
  });
}

type Matcher = (name: string) => boolean;

const endsIn = (name: string, target: string) => name === target || name.endsWith(`.${target}`);

function matcher(targets: string | readonly string[]): Matcher {
  if (typeof targets !== "string") return (name) => targets.some((target) => endsIn(name, target));
  const whole = wholePattern(targets);
  return (name) => whole.test(name);
}

function byText(targets: string, names: readonly string[]): Matcher {
  if (targets.toLowerCase() === "all-linear") return () => true;
  const matches = matcher(targets);
  if (names.some(matches)) return matches;
  // a bare name is no sensible pattern: it must match from the first character to the last
  const hint = names.some((name) => endsIn(name, targets))
    ? ` (to name layers, give a list: [${targets}])`
    : "";
  throw new Error(`no linear layer's whole name matches "${targets}"${hint}; ${thereAre(names)}`);
}

function byNames(targets: readonly string[], names: readonly string[]): Matcher {
  for (const target of targets) {
    if (names.some((name) => endsIn(name, target))) continue;
    if (NOT_LAYERS.includes(target)) {
      throw new Error(
        `"${target}" cannot be adapted: embeddings and the output head stay frozen; ${thereAre(names)}`,
      );
    }
    throw new Error(`there is no linear layer "${target}"; ${thereAre(names)}`);
  }
  return matcher(targets);
}

/** "there are a, b (such as model.layers.0.a)" */
function thereAre(names: readonly string[]): string {
  const last = new Set(names.map((name) => name.slice(name.lastIndexOf(".") + 1)));
  return `there are ${[...last].join(", ")} (in full e.g. ${names[0]}), and "all-linear"`;
}

function blockFilter({ layers = [], layersPattern }: LoraSettings): Matcher {
  const before = layersPattern === undefined ? "[^.]*" : `(?:${layersPattern.join("|")})`;
  const pattern = regularExpression(String.raw`^.*?\.?${before}\.(\d+)\.`);
  return (name) => layers.includes(Number(pattern.exec(name)?.[1] ?? -1));
}

function patternValue(patterns: Readonly<Record<string, number>> = {}, name: string): number | undefined {
  return Object.entries(patterns).find(([key]) =>
    regularExpression(`^(?:.*\\.)?(?:${key})$`).test(name),
  )?.[1];
}

const wholePattern = (pattern: string) => regularExpression(`^(?:${pattern})$`);

/** Python's syntax in the parts that module names need; what JavaScript does not know is an error. */
function regularExpression(pattern: string): RegExp {
  if (/\\[AZz]/.test(pattern))
    throw new Error(`the regular expression ${pattern} uses \\A or \\Z; leave them out`);
  try {
    return new RegExp(pattern.replaceAll("(?P<", "(?<"));
  } catch (error) {
    throw new Error(`the regular expression ${pattern} cannot be read (${(error as Error).message})`);
  }
}
