/** How much one kernel call has to do, so that the time of another call of the same kind can be told from it. */

import type { NativeDtype } from "../native.js";

/** A buffer as a recorded call saw it. */
export interface MeteredBuffer {
  dtype: NativeDtype;
  count: number;
  /** what was written to an int32 buffer: spans, ids, positions */
  data: Int32Array | null;
}

/** An argument of a recorded call: a buffer (MeteredBuffer) in place of a handle, a list of such, or as it was given. */
export type CallArgument = unknown;

/** Where the number of rows stands among a call's arguments: time grows with it, everything else is the call's kind. */
const ROWS: Readonly<Record<string, number>> = {
  linear: 5,
  linearGelu: 5,
  linearBackwardInput: 3,
  linearBackwardWeight: 4,
  embedding: 3,
  embeddingBackward: 3,
  rmsNorm: 4,
  rmsNormBackward: 6,
  layerNorm: 6,
  layerNormBackward: 8,
  rotary: 5,
  attention: 9,
  attentionBackward: 13,
  siluGate: 3,
  siluGateBackward: 5,
  gelu: 2,
  geluBackward: 3,
  add: 3,
  scale: 2,
  gatherRows: 3,
  gatherRowsBackward: 3,
  logprobHead: 6,
  logprobHeadBackward: 9,
  cast: 2,
  splitMaster: 3,
  joinMaster: 3,
  dropout: 2,
  sftNll: 3,
};

/** Arguments that are neither the kind of a call nor matter for its time. */
const IGNORED: Readonly<Record<string, readonly number[]>> = {
  rotary: [11],
  gatherRows: [4],
  gatherRowsBackward: [4],
  dropout: [4],
};

export const isBuffer = (value: unknown): value is MeteredBuffer =>
  typeof value === "object" && value !== null && "dtype" in value && "count" in value;

/** The position of the row count among the arguments of `name`; undefined where the call does not shrink. */
export function rowsArgument(name: string): number | undefined {
  return ROWS[name];
}

/** Calls of one kind differ in the number of rows only. */
export function kindOf(name: string, args: readonly CallArgument[]): string {
  const rows = ROWS[name];
  const skipped = IGNORED[name] ?? [];
  const parts = args.map((argument, index) => {
    if (index === rows || skipped.includes(index)) return "";
    if (isBuffer(argument)) return argument.dtype;
    if (Array.isArray(argument))
      return argument.every(isBuffer) ? (argument[0]?.dtype ?? "") : argument.join(",");
    return typeof argument === "object" ? "" : String(argument);
  });
  // fills, copies and the optimizer are told by what they touch: any amount is the same kind
  return rows === undefined && hasBuffers(args) ? `${name} ${dtypes(args)}` : `${name} ${parts.join(" ")}`;
}

function hasBuffers(args: readonly CallArgument[]): boolean {
  return args.some((argument) => isBuffer(argument) || (Array.isArray(argument) && argument.some(isBuffer)));
}

function dtypes(args: readonly CallArgument[]): string {
  return args.map((argument) => buffersIn(argument)[0]?.dtype ?? "").join(" ");
}

function buffersIn(argument: CallArgument): MeteredBuffer[] {
  if (isBuffer(argument)) return [argument];
  return Array.isArray(argument) ? argument.filter(isBuffer) : [];
}

/**
 * What time grows with, in units of the call's own: rows; pairs of tokens that see each other, for attention; elements,
 * where a call takes whole buffers.
 */
export function workOf(name: string, args: readonly CallArgument[]): number {
  const at = ROWS[name];
  if (at === undefined) return args.flatMap(buffersIn).reduce((sum, { count }) => sum + count, 0);
  const rows = args[at] as number;
  if (!name.startsWith("attention")) return rows;
  const [start, skipFrom, skipTo] = args.filter((a) => isBuffer(a) && a.dtype === "int32") as MeteredBuffer[];
  return visiblePairs(rows, start?.data, skipFrom?.data, skipTo?.data);
}

/** Pairs (t, j) with start[t] ≤ j ≤ t that are not skipped. */
function visiblePairs(
  T: number,
  start: Int32Array | null | undefined,
  skipFrom: Int32Array | null | undefined,
  skipTo: Int32Array | null | undefined,
): number {
  let pairs = 0;
  for (let t = 0; t < T; t++)
    pairs += t + 1 - (start?.[t] ?? 0) - ((skipTo?.[t] ?? 0) - (skipFrom?.[t] ?? 0));
  return pairs;
}

/** Multiplications and additions of matrix products, for those calls that are one; else 0. */
export function flopsOf(name: string, args: readonly CallArgument[]): number {
  const product = (first: number) =>
    2 * (args[first] as number) * (args[first + 1] as number) * (args[first + 2] as number);
  switch (name) {
    case "linear":
    case "linearGelu":
      return product(5);
    case "linearBackwardInput":
      return product(3);
    case "linearBackwardWeight":
      return product(4);
    case "logprobHead":
      return product(6);
    case "logprobHeadBackward":
      return (args[8] === 0 ? 2 : 3) * product(9);
    case "attention":
      return 4 * workOf(name, args) * (args[10] as number) * (args[12] as number);
    case "attentionBackward":
      return 10 * workOf(name, args) * (args[14] as number) * (args[16] as number);
    default:
      return 0;
  }
}
