/** What a run holds: forecast beside measured, and flat over many steps. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { counterRandom, type SftExample } from "@outright/data";
import { createModel } from "@outright/models";
import {
  AdamW,
  type Forecast,
  forecastLine,
  type Measured,
  measuredLine,
  openDevice,
  parseConfig,
  type RunConfigInput,
  runSftBatch,
  train,
  withSavings,
} from "@outright/trainer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const goldens = join(import.meta.dirname, "../../../test/goldens");
let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "outright-memory-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

let runs = 0;
/** A short run over the golden rows. */
async function compared(model: string, changes: object): Promise<{ forecast: Forecast; measured: Measured }> {
  const config = parseConfig({
    version: 1,
    model: join(goldens, "models", model),
    device: "cpu",
    maxLength: 512,
    objectives: {
      sft: {
        kind: "sft",
        data: join(goldens, "rows/sft.jsonl"),
        format: "alpaca",
        template: "plain",
        batch: 6,
      },
      dpo: { kind: "dpo", data: join(goldens, "rows/dpo.jsonl"), format: "pairs", batch: 4 },
    },
    steps: 3,
    evaluate: { every: 0, rows: 2 },
    out: join(root, String(runs++)),
    ...changes,
  } as RunConfigInput);
  const told: { forecast?: Forecast; measured?: Measured } = {};
  await train(config, {
    onEvent: (event) => {
      if (event.type !== "notice") return;
      if (event.forecast !== undefined) told.forecast = event.forecast;
      if (event.measured !== undefined) told.measured = event.measured;
    },
  });
  return { forecast: told.forecast as Forecast, measured: told.measured as Measured };
}

describe("forecast", () => {
  it("tells the device's peak bytes before the first step, within 15 % of what is then measured", async () => {
    for (const [model, changes] of [
      ["llama-nano", { policy: { name: "mix", lambda: 0.5 } }],
      ["llama-nano", { policy: { name: "mix", lambda: 0.5, backward: "together" } }],
      ["neox-nano", { policy: { name: "single", objective: "sft" }, recompute: "block" }],
      ["neox-nano", { policy: { name: "single", objective: "dpo" }, tokensPerMicroBatch: 100 }],
      ["llama-nano", { policy: { name: "alright", lambda: 0.5 }, recompute: "attention" }],
    ] as const) {
      const { forecast, measured } = await compared(model, changes);
      const ratio = forecast.memory.deviceBytes / measured.deviceBytes;
      expect(ratio, JSON.stringify({ model, changes })).toBeGreaterThan(0.85);
      expect(ratio, JSON.stringify({ model, changes })).toBeLessThan(1.15);
      const parts = forecast.memory.parts.reduce((sum, { value }) => sum + value, 0);
      expect(parts / forecast.memory.processBytes).toBeCloseTo(1, 2);
    }
  });

  it("names what saves memory, largest first, and a block saves more than its attention", async () => {
    // of a single block what goes into attention is most; blocks win by their number
    const deep = join(root, "deep");
    cpSync(join(goldens, "models/llama-nano"), deep, { recursive: true });
    const config = JSON.parse(readFileSync(join(deep, "config.json"), "utf8")) as object;
    writeFileSync(join(deep, "config.json"), JSON.stringify({ ...config, num_hidden_layers: 6 }));
    const { forecast } = await compared("llama-nano", {
      ...{ model: deep, init: "random" },
      policy: { name: "single", objective: "sft" },
    });
    const of = (setting: string) => forecast.savings.find((saving) => saving.setting === setting)?.bytes ?? 0;
    expect(of("--recompute block")).toBeGreaterThan(of("--recompute attention"));
    expect(of("--recompute attention")).toBeGreaterThan(0);
    const bytes = forecast.savings.map((saving) => saving.bytes);
    expect(bytes).toEqual([...bytes].sort((a, b) => b - a));
  });

  const known: Forecast = {
    parameters: 1e6,
    memory: { parts: [], deviceBytes: 300 * 2 ** 20, processBytes: 1536 * 2 ** 20 },
    time: {
      parts: [],
      stepSeconds: 0.5,
      stepSecondsOf: { sft: 0.4, dpo: 0.6 },
      tokensPerStep: 1000,
      totalSeconds: 600,
      flopsPerStep: 1,
    },
    savings: [{ setting: "--recompute block", bytes: 100 * 2 ** 20, seconds: 0.1 }],
  };

  it("is one line before the run, and one beside what was measured", () => {
    expect(forecastLine(known, 1000)).toBe(
      "forecast: 1.50 GiB of memory, 300 MiB of it in tensors; 500 ms a step (sft 400 ms, dpo 600 ms), 10 min for 1000 steps",
    );
    const measured = { deviceBytes: 310 * 2 ** 20, processBytes: 2 ** 30, stepSeconds: 0.55 };
    expect(measuredLine(measured, known)).toBe(
      "measured: 1.00 GiB (forecast 1.50 GiB) of memory, 310 MiB (forecast 300 MiB) in tensors; 550 ms (forecast 500 ms) a step",
    );
  });

  it("an error of a lack of memory says which setting saves how much", () => {
    const error = new Error("out of memory: asked for 4096 bytes");
    expect(withSavings(error, known)).toEqual(
      new Error("out of memory: asked for 4096 bytes; less is needed with --recompute block (saves 100 MiB)"),
    );
    expect((withSavings(error, null) as Error).message).toBe(
      "out of memory: asked for 4096 bytes; take a smaller model or a smaller tokensPerMicroBatch; `outright plan` says what needs how much",
    );
    const other = new Error("the disk is full");
    expect(withSavings(other, known)).toBe(other);
  });
});

describe("gradients", () => {
  const shape = {
    model_type: "gpt_neox",
    vocab_size: 31,
    hidden_size: 16,
    intermediate_size: 32,
    num_hidden_layers: 1,
    num_attention_heads: 2,
  };
  const settings = {
    name: "adamw" as const,
    lr: 1e-4,
    betas: [0.9, 0.95] as [number, number],
    eps: 1e-8,
    weightDecay: 0,
    clip: 1,
  };
  const example: SftExample = {
    row: 0,
    promptIds: Int32Array.of(1, 2, 3),
    responseIds: Int32Array.of(4, 5, 6),
    responseEnds: true,
  };
  const options = { weight: 1, train: true, tokensPerMicroBatch: 64 };

  it("are freed by an update, unless steps sum up several passes; the update is the same", () => {
    const device = openDevice({ device: "cpu", threads: 1 });
    const weights: Float32Array[] = [];
    const live: Record<string, number> = {};
    let parameters = 0;
    for (const keeps of [false, true]) {
      const model = createModel(device, shape, { random: (stream) => counterRandom(1, stream) });
      const optimizer = new AdamW(model.parameters, settings);
      const before = device.memory().liveBytes;
      if (keeps) optimizer.keepGradients();
      for (let step = 0; step < 3; step++) {
        optimizer.zeroGradients();
        runSftBatch(model, [example], "token-mean", options);
        optimizer.update(1e-2);
      }
      live[String(keeps)] = device.memory().liveBytes - before;
      parameters = model.parameters.reduce((sum, { count }) => sum + count, 0);
      weights.push(model.parameters[0]?.toFloat32() ?? new Float32Array(0));
      optimizer.dispose();
      model.dispose();
    }
    device.close();
    expect((live.true ?? 0) - (live.false ?? 0)).toBe(4 * parameters);
    expect(weights[1]).toEqual(weights[0]);
  });
});

describe("the allocator", () => {
  it("holds no more after 200 steps with rows of all lengths than after 100", () => {
    const device = openDevice({ device: "cpu", threads: 1 });
    const shape = {
      model_type: "gpt_neox",
      vocab_size: 97,
      hidden_size: 32,
      intermediate_size: 128,
      num_hidden_layers: 2,
      num_attention_heads: 2,
    };
    const model = createModel(device, shape, { random: (stream) => counterRandom(1, stream) });
    const optimizer = new AdamW(model.parameters, {
      name: "adamw",
      lr: 1e-4,
      betas: [0.9, 0.95],
      eps: 1e-8,
      weightDecay: 0,
      clip: 1,
    });
    const uniform = counterRandom(2, "lengths");
    let drawn = 0;
    const ids = (most: number) =>
      Int32Array.from({ length: 2 + Math.floor(most * uniform(drawn++)) }, () =>
        Math.floor(97 * uniform(drawn++)),
      );
    const batches = Array.from({ length: 50 }, (_, batch) =>
      Array.from(
        { length: 1 + (batch % 4) },
        (_, row): SftExample => ({ row, promptIds: ids(60), responseIds: ids(120), responseEnds: true }),
      ),
    );
    const held: number[] = [];
    const live: number[] = [];
    for (let step = 0; step < 200; step++) {
      const examples = batches[step % batches.length] as SftExample[];
      optimizer.zeroGradients();
      runSftBatch(model, examples, "token-mean", { weight: 1, train: true, tokensPerMicroBatch: 300 });
      optimizer.update(1e-4);
      const { liveBytes, cachedBytes } = device.memory();
      held.push(liveBytes + cachedBytes);
      live.push(liveBytes);
    }
    const peak = device.memory().peakBytes;
    device.close();
    expect(new Set(live).size).toBe(1);
    expect(Math.max(...held.slice(100))).toBeLessThanOrEqual(Math.max(...held.slice(0, 100)));
    expect(Math.max(...held)).toBeLessThan(1.4 * peak);
  });
});
