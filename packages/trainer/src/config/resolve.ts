/** Fills in what hangs on other keys, and makes paths absolute. */
import { resolve } from "node:path";
import { completeLoss, usesReference } from "@outright/objectives";
import type { ParsedConfig } from "./schema.js";
import type {
  KnownOptimum,
  LoraConfig,
  ObjectiveConfig,
  RunConfig,
  RunPolicyConfig,
  Template,
} from "./types.js";

const HOLDOUT = { shuffle: 0.03, file: 0 } as const;

/**
 * `baseOf(key path)` gives the folder that a relative path at that key starts from.
 * @param optima f* of each objective where they are known (optima.ts)
 */
export function resolveConfig(
  parsed: ParsedConfig,
  baseOf: (path: string[]) => string,
  optima?: Record<string, KnownOptimum>,
): RunConfig {
  const absolute = (path: string, ...key: string[]): string => resolve(baseOf(key), path);
  const objectives: Record<string, ObjectiveConfig> = {};
  for (const [name, given] of Object.entries(parsed.objectives)) {
    const { heldout, template, ...rest } = given;
    const common = {
      template: template ?? defaultTemplate(rest.format),
      data: absolute(given.data, "objectives", name, "data"),
      ...(heldout === undefined ? {} : { heldout: absolute(heldout, "objectives", name, "heldout") }),
    };
    if (rest.kind === "sft") objectives[name] = { ...rest, ...common };
    else {
      const { kind, format, boundary, batch, identicalPairs, reference = "initial", ...loss } = rest;
      const path = reference === "initial" ? reference : absolute(reference, "objectives", name, "reference");
      objectives[name] = {
        ...{ kind, format, boundary, batch, identicalPairs },
        ...common,
        ...completeLoss(loss),
        ...(usesReference(loss.loss) ? { reference: path } : {}),
      };
    }
  }
  const policy = resolvePolicy(parsed, optima);
  const { lora, optima: _, budget, ...rest } = parsed;
  const { splitSeed, text, ...evaluate } = parsed.evaluate;
  return {
    ...rest,
    ...(optima === undefined ? {} : { optima }),
    ...(budget === undefined ? {} : { budget }),
    ...(lora === undefined ? {} : { lora: resolveLora(lora, (path) => absolute(path, "lora", "from")) }),
    model: absolute(parsed.model, "model"),
    objectives,
    policy,
    steps:
      parsed.steps ?? (policy.name === "sequential" ? sum(policy.stages.map((stage) => stage.steps)) : 0),
    evaluate: {
      ...evaluate,
      holdout: evaluate.holdout ?? HOLDOUT[parsed.order],
      ...(splitSeed === undefined ? {} : { splitSeed }),
      ...(text === undefined ? {} : { text: absolute(text, "evaluate", "text") }),
    },
    out: absolute(parsed.out, "out"),
  };
}

const RANK = 32;

function resolveLora(
  {
    from,
    rank = RANK,
    alpha = rank,
    dropout,
    targets = "all-linear",
    merge,
  }: NonNullable<ParsedConfig["lora"]>,
  absolute: (path: string) => string,
): LoraConfig {
  if (from === undefined) return { rank, alpha, dropout: dropout ?? 0, targets, merge };
  return { from: absolute(from), ...(dropout === undefined ? {} : { dropout }), merge };
}

export function defaultTemplate(format: ObjectiveConfig["format"]): Template {
  if (format === "alpaca") return "alpaca";
  return format === "messages" ? "chat" : "plain";
}

/** One objective needs no policy; semantics.ts has refused the other cases. */
function resolvePolicy(parsed: ParsedConfig, optima: Record<string, KnownOptimum> = {}): RunPolicyConfig {
  const { policy } = parsed;
  if (policy === undefined) return { name: "single", objective: Object.keys(parsed.objectives)[0] ?? "" };
  if (policy.name === "single" || policy.name === "sequential") return policy;
  const { lambda, weights, ...rest } = policy;
  const known = Object.entries(optima).map(([name, { heldout }]) => [name, heldout] as const);
  return {
    ...rest,
    ...(rest.name === "maxright" ? { optima: { ...Object.fromEntries(known), ...rest.optima } } : {}),
    ...(lambda === undefined ? {} : { lambda }),
    ...(weights === undefined ? {} : { weights }),
  };
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
