/** The sweep config as a zod schema: every key with its description and default. */
import { z } from "zod";

export const METHODS = [
  "single",
  "sequential",
  "mix",
  "mix-one-pass",
  "alright",
  "maxright",
  "maxright-smoothed",
  "average",
] as const;

const lambdas = z
  .array(z.number().min(0).max(1))
  .min(1)
  .describe("Weights of the preference objective, 0 to 1. Sequential gives it this share of the budget.");
const seeds = z
  .array(z.int().min(0))
  .min(1)
  .describe("Each run is made once with each; error bars come from them.");
const every = z
  .array(z.int().min(1))
  .min(1)
  .describe("K of MAXRIGHT: steps between measurements of all gaps. One curve for each.");

const method = z.union([
  z.enum(METHODS),
  z.strictObject({
    name: z.enum(METHODS).describe("The method."),
    lambdas: lambdas.optional(),
    seeds: seeds.optional(),
    every: every.optional(),
  }),
]);

const budget = z.union([
  z.strictObject({ steps: z.int().min(1).describe("Optimizer steps.") }),
  z.strictObject({ tokens: z.int().min(1).describe("Tokens through the model in training steps.") }),
  z.strictObject({ seconds: z.number().gt(0).describe("Seconds of training steps.") }),
]);

export const sweepSchema = z
  .strictObject({
    version: z.literal(1).default(1).describe("Version of this format."),
    run: z
      .string()
      .min(1)
      .describe(
        "The run config with all that the runs share: model, data, optimizer. Its policy, steps, seed and out are replaced. Relative to this file.",
      ),
    set: z
      .record(z.string(), z.unknown())
      .default({})
      .describe("Dotted keys of the run config with values that replace its own, as optimizer.lr: 1.0e-4."),
    methods: z
      .array(method)
      .min(1)
      .default(["sequential", "mix", "alright", "maxright"])
      .describe(
        `What is compared: ${METHODS.join(", ")}; or { name, lambdas, seeds, every } for one that differs from the rest. sequential trains in both orders; single trains each objective alone; average is the weighted average of both alone.`,
      ),
    lambdas: lambdas.default([0.25, 0.5, 0.75]),
    seeds: seeds.default([1, 2, 3]),
    every: every.default([10]),
    budget: budget
      .optional()
      .describe("What every run may spend: steps, tokens or seconds. Default: the run config's steps."),
    optima: z
      .union([z.literal("measure"), z.string().min(1), z.record(z.string(), z.number())])
      .default("measure")
      .describe(
        "f* of each objective: measure (by training on each alone, with the first seed), an optima.json, or a number for each.",
      ),
    baseline: z
      .string()
      .optional()
      .describe(
        "The curve that costs are relative to, as sequential-dpo-sft. Default: the first sequential one, else the first.",
      ),
    keep: z
      .enum(["models", "nothing"])
      .default("models")
      .describe("What stays of each run's weights: its model, or nothing. Metrics always stay."),
    jobs: z
      .int()
      .min(1)
      .default(1)
      .describe("Runs at the same time; each then has its share of the threads. Changes no loss."),
    out: z.string().min(1).describe("The sweep's directory. Relative to this file."),
  })
  .describe("Outright sweep config");

export type SweepInput = z.input<typeof sweepSchema>;
export type ParsedSweep = z.output<typeof sweepSchema>;

/** JSON Schema (draft 2020-12) of what may be written. */
export function sweepJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(sweepSchema, { io: "input", target: "draft-2020-12" }) as Record<string, unknown>;
}
