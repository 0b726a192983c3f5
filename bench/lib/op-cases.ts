/** Every native operation once, at the shapes of a training step. */
import { type FlatRow, packSft } from "@outright/data";
import type { Handle, HeadLayout, NativeDevice, NativeDtype, Operation } from "@outright/tensor";
import type { Rows } from "./rows.js";
import type { ShapeSizes } from "./shapes.js";

export interface OpCase {
  operation: Operation;
  /** where in the model it stands, and its sides */
  where: string;
  run: (native: NativeDevice) => void;
}

export interface CaseSizes {
  shape: ShapeSizes;
  rows: Rows;
  dtype: NativeDtype;
  /** of a whole training row; absent: eight examples */
  tokens?: number;
}

/** Makes the buffers that the cases of one shape and dtype work on. Some dtypes may lack operations: `run` then throws. */
export function opCases(native: NativeDevice, { shape, rows, dtype: X, tokens }: CaseSizes): OpCase[] {
  const row = trainingRow(rows, tokens);
  const { tokens: T } = row;
  const N = row.targets.length;
  const { hidden_size: D, vocab_size: V, num_attention_heads: H, intermediate_size: I } = shape;
  const C = D / H;
  const R = Math.floor(C / 4);
  const make = (dtype: NativeDtype, count: number, value = 0.5) => {
    const handle = native.alloc(dtype, count);
    native.fill(handle, value);
    return handle;
  };
  const x = (count: number) => make(X, count);
  const f = (count: number) => make("float32", count);
  const ints = (values: Int32Array) => {
    const handle = native.alloc("int32", values.length);
    native.write(handle, 0, values);
    return handle;
  };
  const [ids, positions, start, skipFrom, skipTo, lossRows, targets] = [
    row.ids,
    row.positions,
    row.start,
    row.skipFrom,
    row.skipTo,
    row.lossRows,
    row.targets,
  ].map(ints) as [Handle, Handle, Handle, Handle, Handle, Handle, Handle];
  const table = x(V * D);
  const dtable = f(V * D);
  const hidden = x(T * D);
  const hidden2 = x(T * D);
  const wide = x(T * I);
  const wide2 = x(T * I);
  const wide3 = x(T * I);
  const qkv = x(T * 3 * D);
  const dqkv = x(T * 3 * D);
  const lse = f(T * H);
  const [w, b, dw, db] = [x(3 * D * Math.max(D, I)), x(4 * I), f(3 * D * Math.max(D, I)), f(4 * I)];
  const [mean, rstd] = [f(T), f(T)];
  const positionsUsed = 1 + row.positions.reduce((most, position) => Math.max(most, position), 0);
  const [cos, sin] = [f((positionsUsed * R) / 2), f((positionsUsed * R) / 2)];
  const layout: HeadLayout = [0, 3 * D, 3 * C, C, 3 * D, 3 * C, 2 * C, 3 * D, 3 * C];
  const scored = x(N * D);
  const dscored = x(N * D);
  const [logp, headLse, g] = [make("float32", N, -1), f(N), make("float32", N, -1 / N)];
  const offsets = ints(Int32Array.from([0, N]));
  const pairs = ints(Int32Array.from([0, N >> 1, N]));
  const weights = 12 * 6 * D * D;
  const [params, grads, m, v] = [x(weights), f(weights), f(weights), f(weights)];
  const lows = X === "bfloat16" ? [make("int16", weights, 0)] : [];
  const adam = {
    lr: 1e-5,
    beta1: 0.9,
    beta2: 0.95,
    eps: 1e-8,
    weightDecay: 0,
    step: 1,
    gradScale: 1,
    seed: 0,
  };
  // so that a later product does not overflow what an earlier one made
  for (const product of [w, table]) native.fill(product, 1 / 1024);

  const cases: OpCase[] = [];
  const add = (operation: Operation, where: string, run: (native: NativeDevice) => void) =>
    cases.push({ operation, where, run });
  const products: [string, number, number, Handle, Handle][] = [
    ["query_key_value", 3 * D, D, hidden, qkv],
    ["dense", D, D, hidden, hidden2],
    ["dense_h_to_4h", I, D, hidden, wide],
    ["dense_4h_to_h", D, I, wide, hidden2],
  ];
  for (const [name, out, inner, from, to] of products) {
    const where = `${name} [${T},${inner}] → [${T},${out}]`;
    add("linear", where, (on) => on.linear(from, w, b, 0, to, T, out, inner));
    add("linearBackwardInput", where, (on) => on.linearBackwardInput(to, w, from, T, out, inner, false));
    add("linearBackwardWeight", where, (on) => on.linearBackwardWeight(to, from, dw, db, T, out, inner));
  }
  const trunk = `[${T},${D}]`;
  const mlp = `[${T},${I}]`;
  add("linearGelu", `dense_h_to_4h ${mlp}`, (on) => on.linearGelu(hidden, w, b, wide, wide2, T, I, D, false));
  add("embedding", trunk, (on) => on.embedding(ids, table, hidden, T, D, V));
  add("embeddingBackward", trunk, (on) => on.embeddingBackward(ids, hidden, dtable, T, D, V));
  add("rmsNorm", trunk, (on) => on.rmsNorm(hidden, w, hidden2, rstd, T, D, 1e-5));
  add("rmsNormBackward", trunk, (on) => on.rmsNormBackward(hidden, hidden2, w, rstd, qkv, dw, T, D, false));
  add("layerNorm", trunk, (on) => on.layerNorm(hidden, w, b, hidden2, mean, rstd, T, D, 1e-5));
  add("layerNormBackward", trunk, (on) =>
    on.layerNormBackward(hidden, hidden2, w, mean, rstd, qkv, dw, db, T, D, false),
  );
  add("rotary", `[${T},3·${H},${C}]`, (on) =>
    on.rotary(qkv, cos, sin, positions, dqkv, T, 3 * H, C, R, 3, 2, positionsUsed, false, false),
  );
  const heads = `${T} tokens, ${H} heads of ${C}`;
  const scale = 1 / Math.sqrt(C);
  add("attention", heads, (on) =>
    on.attention(qkv, qkv, qkv, layout, hidden, lse, start, skipFrom, skipTo, T, H, H, C, scale),
  );
  // a step of as many sequences as the row has, each as long as all of it
  const sequences = 8;
  const [kCache, vCache] = [x(sequences * T * D), x(sequences * T * D)];
  const each = (row: (sequence: number) => number) =>
    ints(Int32Array.from({ length: sequences }, (_, i) => row(i)));
  const [first, last] = [each((i) => i * T), each((i) => (i + 1) * T - 1)];
  add("attentionCached", `${sequences} sequences of ${heads}`, (on) =>
    // biome-ignore format: one argument list
    on.attentionCached(qkv, qkv, qkv, layout, kCache, vCache, hidden, first, last, sequences, sequences * T, H, H, C, scale),
  );
  add("attentionBackward", heads, (on) =>
    // biome-ignore format: one argument list
    on.attentionBackward(hidden2, qkv, qkv, qkv, layout, hidden, lse, start, skipFrom, skipTo, dqkv, dqkv, dqkv, T, H, H, C, scale, false),
  );
  add("siluGate", mlp, (on) => on.siluGate(wide, wide, wide2, T * I));
  add("siluGateBackward", mlp, (on) => on.siluGateBackward(wide, wide, wide, wide2, wide3, T * I, false));
  add("gelu", mlp, (on) => on.gelu(wide, wide2, T * I, false));
  add("geluBackward", mlp, (on) => on.geluBackward(wide, wide, wide2, T * I, false, false));
  add("add", trunk, (on) => on.add(hidden, hidden2, qkv, T * D));
  add("scale", trunk, (on) => on.scale(hidden, 1, T * D));
  add("dropout", trunk, (on) => on.dropout(hidden, hidden2, T * D, 0.1, 1, false));
  add("gatherRows", `${N} of ${trunk}`, (on) => on.gatherRows(hidden, lossRows, scored, N, T, D));
  add("gatherRowsBackward", `${N} of ${trunk}`, (on) =>
    on.gatherRowsBackward(dscored, lossRows, hidden2, N, T, D, false),
  );
  const head = `[${N},${D}] × [${V},${D}]`;
  add("logprobHead", head, (on) => on.logprobHead(scored, table, targets, logp, headLse, 0, N, D, V));
  add("logprobHeadBackward", head, (on) =>
    on.logprobHeadBackward(scored, table, targets, headLse, logp, g, 0, dscored, dtable, N, D, V, false),
  );
  add("sftNll", `${N} tokens`, (on) => on.sftNll(logp, g, mean, Math.min(N, T)));
  add("sequenceSums", `${N} tokens`, (on) => on.sequenceSums(logp, offsets, new Float64Array(1), N, 1));
  add("dpoSigmoid", `${N} tokens`, (on) =>
    on.dpoSigmoid(logp, pairs, new Float64Array(2), headLse, N, 1, 0.1, 1),
  );
  add("globalNorm", `${weights} weights`, (on) => on.globalNorm([grads]));
  add("adamW", `${weights} weights`, (on) => on.adamW([params], lows, [grads], [m], [v], adam));
  add("adamWClipped", `${weights} weights`, (on) =>
    on.adamWClipped([params], lows, [grads], [m], [v], adam, 1),
  );
  add("fill", `${weights} weights`, (on) => on.fill(grads, 0));
  add("copy", `${weights} weights`, (on) => on.copy(m, 0, v, 0, weights));
  return cases;
}

/** Eight examples in one row, or as many as fit into so many tokens. */
export function trainingRow({ sft }: Pick<Rows, "sft">, tokens?: number): FlatRow {
  const [row] =
    tokens === undefined ? packSft(sft.slice(0, 8), Number.MAX_SAFE_INTEGER) : packSft(sft, tokens);
  if (row === undefined) throw new Error("there are no rows");
  return row;
}
