/**
 * The run config as a zod schema: what may be written, with a description and the default of every key.
 * `outright schema` prints it as JSON Schema. Defaults that hang on another key are filled in by resolve.ts.
 */
import { PREFERENCE_LOSSES } from "@outright/objectives";
import { z } from "zod";

/** Objective names appear in metrics joined by "+", and in overrides between dots. */
const OBJECTIVE_NAME = /^[A-Za-z][A-Za-z0-9_-]*$/;
const DEVICE = /^(auto|cpu|cuda(:\d+)?)$/;

const count = (text: string) => z.int().min(1).describe(text);
const countOrZero = (text: string) => z.int().min(0).describe(text);
const file = (text: string) => z.string().min(1).describe(text);

const template = z
  .enum(["plain", "clean", "alpaca", "paper", "chat"])
  .optional()
  .describe(
    "How a row's fields become prompt and response. Default: alpaca for format alpaca, chat for messages, else plain.",
  );
const boundary = z
  .enum(["separate", "joint"])
  .default("separate")
  .describe(
    "separate: prompt and response are tokenised apart, as generation sees them; joint: one text, split by character offsets.",
  );
const heldout = file(
  "A separate file of held-out rows for evaluation; nothing is then held out of `data`. Relative to the config file.",
).optional();
const data = file(
  "The training file: .json, .jsonl (also .gz), .txt for format text. Relative to the config file.",
);

export const sftObjectiveSchema = z
  .strictObject({
    kind: z.literal("sft").describe("Supervised fine-tuning: raise the log-prob of the response."),
    data,
    heldout,
    format: z.enum(["alpaca", "prompt-response", "messages", "text"]).describe("Layout of the file's rows."),
    template,
    boundary,
    batch: count("Examples per optimizer step.").default(24),
    loss: z
      .enum(["token-mean", "example-mean"])
      .default("token-mean")
      .describe(
        "token-mean: divided by the loss tokens of the whole optimizer step; example-mean: mean over examples of each one's token mean.",
      ),
  })
  .describe("A supervised objective.");

export const dpoObjectiveSchema = z
  .strictObject({
    kind: z
      .literal("dpo")
      .describe("Preference learning, DPO unless told: prefer the chosen answer to the rejected one."),
    data,
    heldout,
    format: z.enum(["pairs", "hh"]).describe("Layout of the file's rows."),
    template,
    boundary,
    batch: count("Pairs per optimizer step.").default(8),
    loss: z
      .enum(PREFERENCE_LOSSES)
      .default("sigmoid")
      .describe(
        "sigmoid: DPO; ipo; hinge; robust: unbiased under flipped labels; mmpo: soft targets from each row's `margin`; simpo and orpo: without a reference.",
      ),
    beta: z
      .number()
      .gt(0)
      .optional()
      .describe(
        "What log-ratios to the reference (simpo: mean log-probs) are multiplied by to give rewards, above 0; ipo: the paper's tau; orpo: lambda, the weight of the odds ratio. Default: 0.1; simpo: 2.",
      ),
    nll: z
      .number()
      .min(0)
      .optional()
      .describe(
        "Weight of an added SFT term: the mean negative log-prob of the step's chosen tokens. Default: 0; orpo: 1, as in its paper.",
      ),
    labelSmoothing: z
      .number()
      .min(0)
      .lt(0.5)
      .optional()
      .describe(
        "For sigmoid (conservative DPO) and robust: the share of pairs that are the wrong way round, below 0.5. Default: 0; robust needs it.",
      ),
    lengthNormalised: z
      .boolean()
      .optional()
      .describe(
        "Whether an answer's log-ratio to the reference is a mean over its tokens instead of a sum. Default: true for ipo, else false; simpo and orpo always take means.",
      ),
    margin: z
      .number()
      .min(0)
      .optional()
      .describe(
        "For simpo: gamma, by how much the chosen answer's reward is to be ahead (TRL: simpo_gamma; the authors' gamma_beta_ratio times beta). Default: 1.",
      ),
    marginScale: z
      .number()
      .gt(0)
      .optional()
      .describe(
        "For mmpo: gamma; a pair's target probability is sigmoid(gamma * margin), by the `margin` of its row. Default: 1.",
      ),
    reference: file(
      "`initial` (the weights the run starts from) or a model directory, relative to the config file. Default: initial; simpo and orpo have none.",
    ).optional(),
    identicalPairs: z
      .enum(["drop", "keep", "error"])
      .default("drop")
      .describe(
        "What to do with pairs whose chosen and rejected answers are the same; dropped ones are counted.",
      ),
  })
  .describe("A preference objective.");

const objectives = z
  .record(
    z.string().regex(OBJECTIVE_NAME),
    z.discriminatedUnion("kind", [sftObjectiveSchema, dpoObjectiveSchema]),
  )
  .describe(
    "What to train on, by a name of your choice. Each has data of its own that never ends: reshuffled each pass.",
  );

const lambda = z
  .number()
  .min(0)
  .max(1)
  .optional()
  .describe("Weight of the dpo objective, 0 to 1; the sft one weighs 1 - lambda. For exactly one of each.");
const weights = z
  .record(z.string(), z.number().min(0))
  .optional()
  .describe("In place of lambda, for any objectives: one weight of 0 or more for each, normalised to sum 1.");

const policy = z
  .discriminatedUnion("name", [
    z.strictObject({
      name: z.literal("single").describe("One objective all the time."),
      objective: z.string().describe("The objective that is trained; the others are only evaluated."),
    }),
    z.strictObject({
      name: z.literal("mix").describe("The weighted sum of all losses, every step."),
      lambda,
      weights,
      backward: z
        .enum(["apart", "together"])
        .default("apart")
        .describe(
          "apart: each micro-batch's backward pass follows its forward pass; together: one backward pass after all forward passes, whose activations are all kept, as in the paper. The gradients are the same.",
        ),
    }),
    z.strictObject({
      name: z
        .literal("alright")
        .describe("ALRIGHT: each step one objective, drawn with the weights as probabilities."),
      lambda,
      weights,
    }),
    z.strictObject({
      name: z
        .literal("maxright")
        .describe("MAXRIGHT: each step the objective with the largest weighted gap to its optimum."),
      lambda,
      weights,
      every: count(
        "K: steps between refreshes of all gaps; in between only the trained one's is renewed.",
      ).default(10),
      optima: z
        .record(z.string(), z.number())
        .default({})
        .describe(
          "f*: the best loss of each objective, as a single-objective run reaches it. Objectives left out count as 0.",
        ),
      gaps: z
        .enum(["fresh", "smoothed"])
        .default("fresh")
        .describe(
          "fresh: from extra forward passes every K steps; smoothed: from running means of the training losses, at no cost.",
        ),
    }),
    z.strictObject({
      name: z.literal("sequential").describe("One objective after another."),
      stages: z
        .array(
          z.strictObject({
            objective: z.string().describe("The objective trained in this stage."),
            steps: count("Optimizer steps of this stage."),
          }),
        )
        .min(1)
        .describe("The stages in order; their steps sum to `steps`."),
      freshOptimizer: z
        .boolean()
        .default(true)
        .describe("Start moments and step count anew at each stage, as separate runs would."),
    }),
  ])
  .optional()
  .describe(
    "Which objective trains at each optimizer step. May be left out where there is one objective only.",
  );

const optimum = z.union([
  z.number(),
  z.strictObject({
    heldout: z.number().describe("On held-out rows, in nats."),
    train: z
      .number()
      .optional()
      .describe("On the training rows that `evaluate.trainRows` evaluates, in nats."),
    from: z.string().default("config").describe("Where it comes from."),
    key: z.string().optional().describe("Names what it was measured on."),
  }),
]);

const optima = z
  .union([
    file("An optima.json, as `outright optima` writes it. Relative to the config file."),
    z.record(z.string(), optimum),
  ])
  .optional()
  .describe(
    "f*: the best loss of each objective, as training on it alone reaches it: an optima.json, or a number for each. Gaps are measured from it, and MAXRIGHT decides by it.",
  );

const budget = z
  .union([
    z.strictObject({ tokens: count("Tokens through the model in training steps.") }),
    z.strictObject({ seconds: z.number().gt(0).describe("Seconds of training steps.") }),
  ])
  .optional()
  .describe(
    "End the run at the first step with which so many tokens or seconds of training are spent, if `steps` are not over before. Evaluations and preparation do not count.",
  );

const optimizer = z
  .strictObject({
    name: z.literal("adamw").default("adamw").describe("AdamW with decoupled weight decay."),
    lr: z.number().gt(0).default(5e-5).describe("Peak learning rate."),
    betas: z
      .tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)])
      .default([0.9, 0.95])
      .describe("Decay of the first and second moment."),
    eps: z.number().gt(0).default(1e-8).describe("Added to the square root of the second moment."),
    weightDecay: z
      .number()
      .min(0)
      .default(0)
      .describe("Decoupled weight decay, scaled by the learning rate."),
    clip: z.number().min(0).default(1).describe("Largest global gradient norm; 0 = no clipping."),
    masters: z
      .boolean()
      .default(true)
      .describe(
        "With dtype bfloat16: keep float32 masters of the weights; false saves their memory and rounds each update stochastically.",
      ),
  })
  .prefault({})
  .describe("The optimizer.");

const schedule = z
  .strictObject({
    name: z
      .enum(["constant", "linear", "cosine"])
      .default("constant")
      .describe("Shape of the learning rate after warm-up."),
    warmup: countOrZero("Steps of linear warm-up.").default(0),
    minimum: z.number().min(0).max(1).default(0).describe("Where linear and cosine end, as a share of lr."),
  })
  .prefault({})
  .describe("The learning rate over the steps.");

const lora = z
  .strictObject({
    rank: count("Rank of each adapter (peft: r). Default: 32.").optional(),
    alpha: z
      .number()
      .gt(0)
      .optional()
      .describe("The adapters are scaled by alpha / rank (peft: lora_alpha). Default: the rank."),
    dropout: z
      .number()
      .min(0)
      .lt(1)
      .optional()
      .describe(
        "Share of an adapter's inputs dropped while training, below 1. Default: 0, or what `from` says.",
      ),
    targets: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
      .optional()
      .describe(
        "Linear layers to adapt, as peft's target_modules: a list of names (whole or their ends), all-linear, or a regular expression over whole names. Default: all-linear.",
      ),
    from: file(
      "An adapter directory in peft's format to go on from; rank, alpha and targets are then its own. Relative to the config file.",
    ).optional(),
    merge: z
      .boolean()
      .default(true)
      .describe("Whether the final weights, adapters merged in, are also written to `model/`."),
  })
  .optional()
  .describe(
    "Low-rank adapters are trained and the model's own weights stay frozen. Left out, all parameters are trained.",
  );

const evaluate = z
  .strictObject({
    every: countOrZero(
      "Steps between evaluations; 0 = only before the first and after the last step.",
    ).default(100),
    rows: count("Most held-out rows of each objective that are evaluated.").default(500),
    holdout: z
      .number()
      .min(0)
      .lt(1)
      .optional()
      .describe(
        "Share of each `data` file held out of training, below 1. Default: 0.03 with order shuffle, 0 with order file.",
      ),
    splitSeed: countOrZero(
      "Seed by which rows are chosen to be held out; give the same one to runs of several seeds. Default: `seed`.",
    ).optional(),
    trainRows: countOrZero(
      "Training rows of each objective that are evaluated beside the held-out ones, the first of the file. 0 = none.",
    ).default(0),
    kl: countOrZero(
      "Loss tokens of each objective's held-out rows on which the divergence from the weights the run starts with, KL(base || trained), is measured at each evaluation; 0 = not measured. While the run goes on, it takes 4 bytes x tokens x vocabulary of disk for each objective.",
    ).default(64),
    text: file(
      "A file of plain text (.txt, or format text in .json, .jsonl) on which the divergence is measured too. Relative to the config file.",
    ).optional(),
  })
  .prefault({})
  .describe("Held-out losses and divergence from the base while training.");

const checkpoint = z
  .strictObject({
    every: countOrZero("Steps between checkpoints; 0 = only at the end and when stopped.").default(500),
    keep: count("How many of the newest checkpoints stay on disk.").default(2),
  })
  .prefault({})
  .describe("What `--resume` goes on from.");

export const configSchema = z
  .strictObject({
    version: z.literal(1).default(1).describe("Version of this format."),
    model: file(
      "A Hugging Face directory: config.json, *.safetensors, tokenizer.json. Relative to the config file.",
    ),
    init: z
      .enum(["pretrained", "random"])
      .default("pretrained")
      .describe(
        "pretrained: the directory's weights; random: drawn from the seed, config.json and tokenizer.json are enough.",
      ),
    device: z
      .string()
      .regex(DEVICE)
      .default("auto")
      .describe("auto, cpu, cuda or cuda:N. Only auto falls back to another device."),
    dtype: z
      .enum(["float32", "bfloat16"])
      .default("float32")
      .describe(
        "Of weights and activations. bfloat16 is faster where the processor multiplies it (doctor tells) and takes half the memory for them; losses, gradients of weights, moments and the weights that the optimizer updates stay float32.",
      ),
    threads: countOrZero("Worker threads; 0 = one per physical core. Changes no result.").default(0),
    seed: countOrZero("Of everything random: shuffles, draws of the policy, random weights.").default(42),
    lora,
    objectives,
    policy,
    optima,
    steps: count("Optimizer steps. May be left out with policy sequential: its stages' sum.").optional(),
    budget,
    maxLength: z
      .int()
      .min(2)
      .default(2048)
      .describe(
        "Most tokens of one example: prompt, response and EOS (a pair: prompt and its longer answer).",
      ),
    truncate: z
      .enum(["error", "drop", "prompt-left", "response-right"])
      .default("error")
      .describe("What to do with longer examples; whatever is cut or dropped is counted and reported."),
    tokensPerMicroBatch: z
      .union([z.literal("auto"), z.int().min(1)])
      .default("auto")
      .describe(
        "Tokens that go through the model at once: a number, or auto, which is 2048 and on a GPU 8192. Less saves memory; the loss is the same.",
      ),
    recompute: z
      .enum(["none", "attention", "block"])
      .default("none")
      .describe(
        "What the backward pass computes again instead of keeping it: none, attention (what goes into it), or block (all but each block's input). Saves memory, costs time, changes no bit.",
      ),
    headCache: countOrZero(
      "Most MiB in which the output head keeps results of its forward pass for the backward pass; the rest of the vocabulary is computed again. 0 keeps none; a GPU has room for 2048 or more. Changes only the rounding.",
    ).default(128),
    order: z
      .enum(["shuffle", "file"])
      .default("shuffle")
      .describe("shuffle: reshuffled each pass; file: rows in file order, wrapping round, for comparisons."),
    optimizer,
    schedule,
    evaluate,
    checkpoint,
    out: file(
      "The run's directory: metrics, checkpoints, the final model, the report. Relative to the config file.",
    ),
  })
  .describe("Outright run config");

/** What a person or a program may give: every key with a default may be left out. */
export type RunConfigInput = z.input<typeof configSchema>;
/** After the schema, before paths and dependent defaults are resolved. */
export type ParsedConfig = z.output<typeof configSchema>;

/** JSON Schema (draft 2020-12) of what may be written, descriptions and defaults included. */
export function configJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(configSchema, { io: "input", target: "draft-2020-12" }) as Record<string, unknown>;
}
