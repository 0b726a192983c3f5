/** Pairs of a token and a key that it sees in a flat row (native.ts, attention): the work of attention grows with them. */
export function visiblePairs(T: number, start: Int32Array, skipFrom: Int32Array, skipTo: Int32Array): number {
  let pairs = 0;
  for (let t = 0; t < T; t++) {
    const first = start[t] as number;
    const skipped = Math.max(0, (skipTo[t] as number) - Math.max(skipFrom[t] as number, first));
    pairs += t + 1 - first - skipped;
  }
  return pairs;
}
