/**
 * Training steps of a Pythia-14M shape with random weights and random tokens, float32, with each matrix product that is
 * here: useful tokens a second, SFT and DPO. Steps of all variants alternate, so that a busy machine harms them alike.
 *
 *   pnpm bench:step [--steps 10] [--out bench/results/step.json]
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { counterRandom, type PairExample, type SftExample } from "@outright/data";
import { createModel } from "@outright/models";
import { AdamW, openDevice, runDpoBatch, runSftBatch } from "@outright/trainer";

const { values } = parseArgs({
  options: { steps: { type: "string", default: "10" }, out: { type: "string" } },
});
const steps = Number(values.steps);

const SHAPE = {
  model_type: "gpt_neox",
  vocab_size: 50304,
  hidden_size: 128,
  intermediate_size: 512,
  num_hidden_layers: 6,
  num_attention_heads: 4,
  rotary_pct: 0.25,
  max_position_embeddings: 2048,
};
const PROMPT = 48;
const ANSWER = 144;
const EXAMPLES = 8;

const uniform = counterRandom(1, "bench");
let drawn = 0;
const ids = (count: number) =>
  Int32Array.from({ length: count }, () => Math.floor(uniform(drawn++) * SHAPE.vocab_size));
const sft = Array.from(
  { length: EXAMPLES },
  (_, row): SftExample => ({
    row,
    promptIds: ids(PROMPT),
    responseIds: ids(ANSWER),
    responseEnds: true,
  }),
);
const dpo = Array.from(
  { length: EXAMPLES },
  (_, row): PairExample => ({
    row,
    promptIds: ids(PROMPT),
    chosenIds: ids(ANSWER / 2),
    rejectedIds: ids(ANSWER / 2),
  }),
);
const reference = new Float64Array(2 * EXAMPLES).fill(-800);

function variant(matmul: "onednn" | "portable") {
  const device = openDevice({ device: "cpu", matmul });
  const model = createModel(device, SHAPE, { random: (stream) => counterRandom(7, stream) });
  const optimizer = new AdamW(model.parameters, {
    name: "adamw",
    lr: 1e-5,
    betas: [0.9, 0.95],
    eps: 1e-8,
    weightDecay: 0,
    clip: 1,
  });
  const options = { weight: 1, train: true, tokensPerMicroBatch: 2048 };
  const batches = {
    sft: () => runSftBatch(model, sft, "token-mean", options),
    dpo: () => runDpoBatch(model, dpo, reference, 0.1, options),
  };
  /** useful tokens a second of one whole step */
  const step = (kind: "sft" | "dpo") => {
    const begun = performance.now();
    optimizer.zeroGradients();
    const { tokens } = batches[kind]();
    optimizer.update(1e-5, optimizer.gradientNorm());
    return (1000 * tokens) / (performance.now() - begun);
  };
  return {
    matmul,
    info: device.info,
    step,
    rates: { sft: [] as number[], dpo: [] as number[] },
    memory: () => device.memory(),
  };
}

function available(): ReturnType<typeof variant>[] {
  return (["onednn", "portable"] as const).flatMap((matmul) => {
    try {
      return [variant(matmul)];
    } catch (error) {
      console.log(`SKIPPED ${matmul}: ${(error as Error).message}`);
      return [];
    }
  });
}

const median = (list: number[]) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] as number;

const variants = available();
for (let i = -1; i < steps; i++) {
  for (const kind of ["sft", "dpo"] as const) {
    for (const { step, rates } of variants) {
      const rate = step(kind);
      if (i >= 0) rates[kind].push(rate); // the first one warms up
    }
  }
}
const results = variants.map(({ matmul, info, rates, memory }) => ({
  matmul: info.matmul,
  variant: matmul,
  backend: info.backend,
  hardware: info.hardware,
  threads: info.threads,
  tokensPerSecond: { sft: median(rates.sft), dpo: median(rates.dpo) },
  peakBytes: memory().peakBytes,
  workspaceBytes: memory().workspaceBytes,
}));
for (const { matmul, tokensPerSecond, peakBytes } of results) {
  const rate = (value: number) => `${Math.round(value)} tokens/s`;
  const { sft: s, dpo: d } = tokensPerSecond;
  console.log(
    `${matmul}: SFT ${rate(s)}, DPO ${rate(d)}, peak ${(peakBytes / 2 ** 20).toFixed(0)} MiB in tensors`,
  );
}
if (values.out !== undefined) {
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  const record = {
    date: new Date().toISOString().slice(0, 10),
    commit,
    command: `pnpm bench:step --steps ${steps} --out ${values.out}`,
    shape: SHAPE,
    batch: { examples: EXAMPLES, prompt: PROMPT, answer: ANSWER },
    results,
  };
  mkdirSync(dirname(values.out), { recursive: true });
  writeFileSync(values.out, `${JSON.stringify(record, null, 2)}\n`);
  console.log(`wrote ${values.out}`);
}
