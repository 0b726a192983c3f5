/**
 * What every native operation must do at least: floating-point operations and bytes moved, from its arguments.
 *
 * A multiplication with its addition counts as two operations. Products are exact; for the row-wise operations the
 * count per element is that of the formula, with exp, erf and the like as one. Bytes: each argument is read or written
 * once, an accumulated output both; whatever a kernel does beyond that lowers its rate, as it should.
 * Legend of the letters: native.ts.
 */
import type { Handle, NativeDevice } from "../native.js";
import { visiblePairs } from "./visible-pairs.js";

export interface Cost {
  flops: number;
  bytes: number;
}

/** What must be known of buffers beside their handles. */
export interface Buffers {
  /** bytes of `elements` elements of this buffer (default: all of it); 0 for handle 0, the absent one */
  size(handle: Handle, elements?: number): number;
  /** elements of it; 0 for handle 0 */
  count(handle: Handle): number;
  /** the first `count` values of an int32 buffer */
  int32(handle: Handle, count: number): Int32Array;
}

/** Calls that manage memory or answer questions; they move no tensor through an operation. */
type Management =
  | "info"
  | "close"
  | "alloc"
  | "allocLasting"
  | "free"
  | "memory"
  | "resetPeak"
  | "trim"
  | "headCacheCount"
  | "headWorkspaceBytes";

export type Operation = Exclude<keyof NativeDevice, Management>;

type Costs = { [K in Operation]: (of: Buffers, ...args: Parameters<NativeDevice[K]>) => Cost };

const sum = (...bytes: number[]) => bytes.reduce((total, part) => total + part, 0);
/** An output that is added to is read as well. */
const written = (bytes: number, accumulate: boolean) => (accumulate ? 2 : 1) * bytes;

export const COSTS: Costs = {
  write: (of, handle, _offset, source) => ({ flops: 0, bytes: of.size(handle, source.length) }),
  read: (of, handle, _offset, target) => ({ flops: 0, bytes: of.size(handle, target.length) }),
  takeResults: (_of, results) => ({ flops: 0, bytes: results?.byteLength ?? 0 }),
  copy: (of, target, _to, source, _from, count) => ({
    flops: 0,
    bytes: of.size(target, count) + of.size(source, count),
  }),
  fill: (of, handle) => ({ flops: 0, bytes: of.size(handle) }),
  splitMaster: (of, x, w, low, count) => ({
    flops: 0,
    bytes: sum(of.size(x, count), of.size(w, count), of.size(low, count)),
  }),
  joinMaster: (of, w, low, x, count) => ({
    flops: 0,
    bytes: sum(of.size(w, count), of.size(low, count), of.size(x, count)),
  }),
  cast: (of, x, y, count) => ({ flops: 0, bytes: of.size(x, count) + of.size(y, count) }),

  linear: (of, x, w, b, r, y, M, N, K) => ({
    flops: 2 * M * N * K + (b === 0 ? 0 : M * N) + (r === 0 ? 0 : M * N),
    bytes: sum(of.size(x, M * K), of.size(w, N * K), of.size(b, N), of.size(r, M * N), of.size(y, M * N)),
  }),
  linearGelu: (of, x, w, b, u, y, M, N, K) => ({
    flops: 2 * M * N * K + (b === 0 ? 0 : M * N) + 4 * M * N,
    bytes: sum(of.size(x, M * K), of.size(w, N * K), of.size(b, N), of.size(u, M * N), of.size(y, M * N)),
  }),
  linearBackwardInput: (of, dy, w, dx, M, N, K, accumulate) => ({
    flops: 2 * M * N * K,
    bytes: sum(of.size(dy, M * N), of.size(w, N * K), written(of.size(dx, M * K), accumulate)),
  }),
  linearBackwardWeight: (of, dy, x, dw, db, M, N, K) => ({
    flops: 2 * M * N * K + (db === 0 ? 0 : M * N),
    bytes: sum(of.size(dy, M * N), of.size(x, M * K), written(of.size(dw, N * K) + of.size(db, N), true)),
  }),

  embedding: (of, ids, table, y, T, D) => ({
    flops: 0,
    bytes: sum(of.size(ids, T), of.size(table, T * D), of.size(y, T * D)),
  }),
  embeddingBackward: (of, ids, dy, dtable, T, D) => ({
    flops: T * D,
    bytes: sum(of.size(ids, T), of.size(dy, T * D), written(of.size(dtable, T * D), true)),
  }),

  rmsNorm: (of, x, w, y, rstd, T, D) => ({
    flops: 4 * T * D,
    bytes: sum(of.size(x, T * D), of.size(w, D), of.size(y, T * D), of.size(rstd, T)),
  }),
  rmsNormBackward: (of, dy, x, w, rstd, dx, dw, T, D, accumulate) => ({
    flops: 9 * T * D,
    bytes: sum(
      of.size(dy, T * D),
      of.size(x, T * D),
      of.size(w, D) + of.size(rstd, T),
      written(of.size(dx, T * D), accumulate),
      written(of.size(dw, D), true),
    ),
  }),
  layerNorm: (of, x, w, b, y, mean, rstd, T, D) => ({
    flops: 7 * T * D,
    bytes: sum(
      of.size(x, T * D),
      of.size(w, D) + of.size(b, D),
      of.size(y, T * D),
      of.size(mean, T) + of.size(rstd, T),
    ),
  }),
  layerNormBackward: (of, dy, x, w, mean, rstd, dx, dw, db, T, D, accumulate) => ({
    flops: 13 * T * D,
    bytes: sum(
      of.size(dy, T * D),
      of.size(x, T * D),
      of.size(w, D) + of.size(mean, T) + of.size(rstd, T),
      written(of.size(dx, T * D), accumulate),
      written(of.size(dw, D) + of.size(db, D), true),
    ),
  }),

  rotary: (of, x, cos, sin, positions, y, T, slots, C, R, period, rotated, _max, _inverse, accumulate) => ({
    flops: 3 * T * slots * (rotated / period) * R,
    bytes: sum(
      of.size(x, T * slots * C),
      of.size(cos, (T * R) / 2) + of.size(sin, (T * R) / 2),
      of.size(positions, T),
      written(of.size(y, T * slots * C), accumulate),
    ),
  }),

  // Two products of C over every visible (token, key) pair of every head, and the softmax between them.
  attention: (of, q, k, v, _layout, o, lse, start, skipFrom, skipTo, T, H, G, C) => ({
    flops: pairsIn(of, start, skipFrom, skipTo, T) * H * (4 * C + 4),
    bytes: sum(
      of.size(q, T * H * C),
      of.size(k, T * G * C) + of.size(v, T * G * C),
      of.size(o, T * H * C),
      of.size(lse, T * H),
      of.size(start, 3 * T),
    ),
  }),
  attentionCached: (of, q, k, v, _layout, _kCache, _vCache, o, first, last, N, _S, H, G, C) => {
    const [from, to] = [of.int32(first, N), of.int32(last, N)];
    const pairs = to.reduce((total, row, n) => total + row - (from[n] as number) + 1, 0);
    return {
      flops: pairs * H * (4 * C + 4),
      bytes: sum(
        of.size(q, N * H * C),
        // keys and values: the new ones are read and written, then all that are seen are read
        2 * (of.size(k, N * G * C) + of.size(v, N * G * C)),
        of.size(k, pairs * G * C) + of.size(v, pairs * G * C),
        of.size(o, N * H * C),
        of.size(first, 2 * N),
      ),
    };
  },
  // Five products: the scores again, dv, dp, dq and dk.
  attentionBackward: (
    of,
    dout,
    q,
    k,
    v,
    _layout,
    o,
    lse,
    start,
    skipFrom,
    skipTo,
    dq,
    dk,
    dv,
    T,
    H,
    G,
    C,
    _scale,
    accumulate,
  ) => ({
    flops: pairsIn(of, start, skipFrom, skipTo, T) * H * (10 * C + 6),
    bytes: sum(
      of.size(dout, T * H * C) + of.size(o, T * H * C),
      of.size(q, T * H * C),
      of.size(k, T * G * C) + of.size(v, T * G * C),
      of.size(lse, T * H) + of.size(start, 3 * T),
      written(of.size(dq, T * H * C) + of.size(dk, T * G * C) + of.size(dv, T * G * C), accumulate),
    ),
  }),

  siluGate: (of, gate, up, y, count) => ({
    flops: 5 * count,
    bytes: sum(of.size(gate, count), of.size(up, count), of.size(y, count)),
  }),
  siluGateBackward: (of, dy, gate, up, dgate, dup, count, accumulate) => ({
    flops: 9 * count,
    bytes: sum(
      of.size(dy, count),
      of.size(gate, count) + of.size(up, count),
      written(of.size(dgate, count) + of.size(dup, count), accumulate),
    ),
  }),
  gelu: (of, x, y, count) => ({ flops: 4 * count, bytes: of.size(x, count) + of.size(y, count) }),
  geluBackward: (of, dy, x, dx, count, _tanh, accumulate) => ({
    flops: 8 * count,
    bytes: sum(of.size(dy, count), of.size(x, count), written(of.size(dx, count), accumulate)),
  }),
  add: (of, a, b, y, count) => ({
    flops: count,
    bytes: sum(of.size(a, count), of.size(b, count), of.size(y, count)),
  }),
  scale: (of, x, _factor, count) => ({ flops: count, bytes: 2 * of.size(x, count) }),
  dropout: (of, x, y, count, _p, _seed, accumulate) => ({
    flops: count,
    bytes: of.size(x, count) + written(of.size(y, count), accumulate),
  }),

  gatherRows: (of, x, rows, y, N, _T, D) => ({
    flops: 0,
    bytes: sum(of.size(x, N * D), of.size(rows, N), of.size(y, N * D)),
  }),
  gatherRowsBackward: (of, dy, rows, dx, N, T, D, accumulate) => ({
    flops: accumulate ? N * D : 0,
    bytes: sum(of.size(dy, N * D), of.size(rows, N), of.size(dx, (accumulate ? 2 * N : T) * D)),
  }),

  logprobHead: (of, h, w, targets, logp, lse, cache, N, D, V) => ({
    flops: 2 * N * D * V + 3 * N * V,
    bytes: sum(
      of.size(h, N * D),
      of.size(w, V * D),
      of.size(targets, N),
      of.size(logp, N) + of.size(lse, N),
      of.size(cache),
    ),
  }),
  // The logits again, but for those that the cache holds; dh; and dw where the head trains.
  logprobHeadBackward: (of, h, w, targets, lse, logp, g, cache, dh, dw, N, D, V, accumulate) => {
    const again = 1 - Math.min(1, of.count(cache) / Math.max(1, N * V));
    const products = again + 1 + (dw === 0 ? 0 : 1);
    return {
      flops: products * 2 * N * D * V + 3 * N * V,
      bytes: sum(
        of.size(h, N * D),
        of.size(w, V * D),
        of.size(targets, N),
        of.size(lse, N) + of.size(logp, N) + of.size(g, N),
        of.size(cache),
        written(of.size(dh, N * D), accumulate),
        written(of.size(dw, V * D), true),
      ),
    };
  },

  sftNll: (of, logp, weights, g, N) => ({
    flops: 2 * N,
    bytes: sum(of.size(logp, N), of.size(weights, N), of.size(g, N)),
  }),
  sequenceSums: (of, logp, offsets, _sums, N, S) => ({
    flops: N,
    bytes: of.size(logp, N) + of.size(offsets, S + 1),
  }),
  dpoSigmoid: (of, logp, offsets, _reference, g, N, P) => ({
    flops: N + 12 * P,
    bytes: sum(of.size(logp, N), of.size(offsets, 2 * P + 1), of.size(g, N)),
  }),

  globalNorm: (of, handles) => ({
    flops: 2 * total(of.count, handles),
    bytes: total((handle) => of.size(handle), handles),
  }),
  // all but the gradients are read and written
  adamW: (of, params, lows, grads, m, v) => ({
    flops: 14 * total(of.count, params),
    bytes:
      total((handle) => of.size(handle), grads) +
      2 * total((handle) => of.size(handle), [...params, ...lows, ...m, ...v]),
  }),
  // gradients are read twice
  adamWClipped: (of, params, lows, grads, m, v) => ({
    flops: 16 * total(of.count, params),
    bytes:
      2 * total((handle) => of.size(handle), grads) +
      2 * total((handle) => of.size(handle), [...params, ...lows, ...m, ...v]),
  }),
};

const total = (value: (handle: Handle) => number, handles: readonly Handle[]) =>
  handles.reduce((all, handle) => all + value(handle), 0);

/** `visiblePairs` of spans on a device. */
const pairsIn = (of: Buffers, start: Handle, skipFrom: Handle, skipTo: Handle, T: number) =>
  visiblePairs(T, of.int32(start, T), of.int32(skipFrom, T), of.int32(skipTo, T));
