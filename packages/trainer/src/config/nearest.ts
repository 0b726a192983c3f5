/** "Did you mean …?" for unknown keys. */

/** What other trainers call our keys, spelling aside. */
const ELSEWHERE = new Map<string, string>(
  Object.entries({
    learningrate: "lr",
    batchsize: "batch",
    maxsteps: "steps",
    maxseqlength: "maxLength",
    outputdir: "out",
    modelnameorpath: "model",
    maxgradnorm: "clip",
    dataset: "data",
    warmupsteps: "warmup",
    saveevery: "checkpoint.every",
    evalevery: "evaluate.every",
    losstype: "loss",
    simpogamma: "margin",
    rpoalpha: "nll",
    cpoalpha: "nll",
  }),
);

/**
 * The known key that was probably meant: one of `here` (the keys allowed at this place) that is spelt nearly so,
 * else a key of another place that is spelt exactly so, else what other trainers call it.
 */
export function nearestKey(
  unknown: string,
  here: readonly string[],
  everywhere: readonly string[],
): string | undefined {
  const close = nearest(unknown, here);
  if (close !== undefined) return close;
  const plain = simplify(unknown);
  const meant = simplify(ELSEWHERE.get(plain) ?? unknown);
  const ours = here.find((key) => simplify(key) === meant);
  if (ours !== undefined) return ours;
  return everywhere.find((key) => simplify(key) === meant || simplify(lastPart(key)) === meant);
}

/** The candidate with the fewest edits, where they are few for its length. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const edits = editDistance(simplify(word), simplify(candidate));
    if (edits < fewest) {
      fewest = edits;
      best = candidate;
    }
  }
  const enough = fewest <= Math.max(1, Math.floor(word.length / 3));
  return enough ? best : undefined;
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  const rows: number[][] = [];
  for (let i = 0; i <= a.length; i++) {
    const row: number[] = [i];
    for (let j = 1; j <= b.length; j++) {
      if (i === 0) {
        row.push(j);
        continue;
      }
      const above = rows[i - 1] as number[];
      const substitute = (above[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let edits = Math.min((above[j] as number) + 1, (row[j - 1] as number) + 1, substitute);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        edits = Math.min(edits, ((rows[i - 2] as number[])[j - 2] as number) + 1);
      }
      row.push(edits);
    }
    rows.push(row);
  }
  return (rows[a.length] as number[])[b.length] as number;
}

function simplify(key: string): string {
  return key.replace(/[-_]/g, "").toLowerCase();
}

function lastPart(key: string): string {
  return key.slice(key.lastIndexOf(".") + 1);
}
