/** Attention alone, forward and backward, of one long document, of packed documents and of pairs on shared prompts. */
import { packPairs } from "@outright/data";
import type { Device, Handle, HeadLayout, NativeDevice } from "@outright/tensor";
import { openDevice } from "@outright/trainer";
import { gpuGoals } from "../lib/goals.js";
import { pairsOf, type Spans } from "../lib/mfu.js";
import { trainingRow } from "../lib/op-cases.js";
import type { BenchOptions, Dtype } from "../lib/options.js";
import { better, describePeaks, measurePeaks } from "../lib/peaks.js";
import { dataFolder, loadRows, type Rows } from "../lib/rows.js";
import { keyHeads, SHAPES, type ShapeName, type ShapeSizes } from "../lib/shapes.js";
import { summarise } from "../lib/stats.js";
import { Report, type Suite } from "../lib/suite.js";
import { CallTimer } from "../lib/timing.js";

interface Case {
  name: string;
  dtype: Dtype;
  backward: boolean;
  flops: number;
  isCausal: boolean;
  headSize: number;
  seconds: number[];
  time: () => number;
}

export const attentionSuite: Suite = async ({ options, say }) => {
  const report = new Report("attention", say);
  const before = measurePeaks(options);
  const done: Case[] = [];
  for (const shape of options.shapes) {
    const rows = await loadRows(12 * options.batch, dataFolder(options.data), SHAPES[shape].vocab_size);
    for (const dtype of options.dtypes) {
      using device = openDevice(options);
      const cases: Case[] = [];
      for (const [layout, spans] of Object.entries(layouts(rows, options, shape))) {
        const name = `${shape} ${dtype} ${layout}`;
        try {
          cases.push(...casesOf(device, name, SHAPES[shape], spans, dtype, layout.startsWith("causal")));
        } catch (error) {
          report.skip(name, (error as Error).message);
        }
      }
      for (let i = 0; i < options.steps; i++) for (const one of cases) one.seconds.push(one.time());
      done.push(...cases);
      say(`${shape} ${dtype}: measured`);
    }
  }
  const peaks = better(before, measurePeaks(options));
  const goals = gpuGoals(options);
  for (const { name, dtype, backward, flops, isCausal, headSize, seconds } of done) {
    const rates = summarise(seconds.map((time) => flops / time / 1e12));
    const wanted = backward ? goals.attentionBackward : goals.attentionForward;
    const peak = peaks.flops[dtype];
    report.add({
      name: `${name}, ${backward ? "backward" : "forward"}`,
      unit: "TFLOP/s",
      better: "higher",
      value: rates,
      ...(wanted !== undefined && isCausal && headSize === 128 && dtype === "bfloat16"
        ? { goal: wanted }
        : {}),
      facts: {
        ms: 1000 * summarise(seconds).median,
        ...(peak === undefined ? {} : { "% of product peak": (1e14 * rates.median) / peak }),
      },
    });
  }
  report.about = [
    "Operations: 4 C for each head and pair of a token and a key that it sees, forward; 10 C backward (the scores again, and four gradients).",
    `Packed: alpaca rows in one row of ${options.tokens} tokens; pairs: helpful dialogues, both answers on one prompt.`,
    describePeaks(peaks),
  ].join(" ");
  return report.finish();
};

function layouts(rows: Rows, { gpu, tokens }: BenchOptions, shape: ShapeName): Record<string, Spans> {
  const [length, documents] = shape === "tiny" ? [128, 2] : gpu ? [4096, 4] : [1024, 1];
  const [pairs] = packPairs(rows.dpo, tokens, { sharedPrompt: true });
  return {
    [`causal, ${documents} × ${length}`]: causal(length, documents),
    packed: trainingRow(rows, tokens),
    ...(pairs === undefined ? {} : { "pairs on shared prompts": pairs }),
  };
}

function causal(length: number, documents: number): Spans {
  const tokens = length * documents;
  return {
    tokens,
    start: Int32Array.from({ length: tokens }, (_, t) => t - (t % length)),
    skipFrom: new Int32Array(tokens),
    skipTo: new Int32Array(tokens),
  };
}

/** Forward and backward on buffers of their own: q [T, H, C], k and v [T, G, C]. */
function casesOf(
  device: Device,
  name: string,
  shape: ShapeSizes,
  spans: Spans,
  dtype: Dtype,
  isCausal: boolean,
): Case[] {
  const { native } = device;
  const { tokens: T } = spans;
  const { hidden_size: D, num_attention_heads: H } = shape;
  const G = keyHeads(shape);
  const C = D / H;
  const made = (of: Dtype, count: number) => {
    const handle = native.alloc(of, count);
    native.fill(handle, 0.1);
    return handle;
  };
  const [q, o, dout, dq] = [T * D, T * D, T * D, T * D].map((count) => made(dtype, count)) as Four;
  const [k, v, dk, dv] = [1, 2, 3, 4].map(() => made(dtype, T * G * C)) as Four;
  const lse = made("float32", T * H);
  const [start, from, to] = [spans.start, spans.skipFrom, spans.skipTo].map((values) =>
    uploaded(native, values),
  ) as [Handle, Handle, Handle];
  const layout: HeadLayout = [0, D, C, 0, G * C, C, 0, G * C, C];
  const scale = 1 / Math.sqrt(C);
  const forward = () => native.attention(q, k, v, layout, o, lse, start, from, to, T, H, G, C, scale);
  const backward = () =>
    // biome-ignore format: one argument list
    native.attentionBackward(dout, q, k, v, layout, o, lse, start, from, to, dq, dk, dv, T, H, G, C, scale, false);
  const timer = new CallTimer(device);
  const pairs = pairsOf(spans);
  const common = { name, dtype, isCausal, headSize: C };
  return [
    { ...common, backward: false, flops: 4 * D * pairs, seconds: [], time: timer.prepare(forward) },
    { ...common, backward: true, flops: 10 * D * pairs, seconds: [], time: timer.prepare(backward) },
  ];
}

type Four = [Handle, Handle, Handle, Handle];

function uploaded(native: NativeDevice, values: Int32Array): Handle {
  const handle = native.alloc("int32", values.length);
  native.write(handle, 0, values);
  return handle;
}
