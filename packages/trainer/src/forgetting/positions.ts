/** Where a run's model is compared with its base: some loss tokens of some examples, the same at every evaluation. */
import { type FlatRow, type PairExample, packSft, type SftExample, shuffled } from "@outright/data";

/** Of one example as many are taken, unless there are too few examples: each one costs a forward pass over its tokens. */
export const PER_EXAMPLE = 4;

/** Flat rows, and in each the tokens from which the chosen loss tokens are predicted, ascending. */
export interface Positions {
  count: number;
  rows: { row: FlatRow; tokens: Int32Array }[];
}

/** A pair counts by its chosen answer. */
export function answerOf(example: SftExample | PairExample): SftExample {
  if ("responseIds" in example) return example;
  const { row, promptIds, chosenIds } = example;
  return { row, promptIds, responseIds: chosenIds, responseEnds: true };
}

/**
 * @param examples how many there are, and the i-th of them, null where it is none
 * @param wanted most positions
 * @param stream a name that keeps these draws apart from others of the seed
 */
export function choosePositions(
  examples: { count: number; at: (i: number) => SftExample | null },
  wanted: number,
  { seed, stream, tokensPerMicroBatch }: { seed: number; stream: string; tokensPerMicroBatch: number },
): Positions {
  const perExample = Math.max(PER_EXAMPLE, Math.ceil(wanted / Math.max(1, examples.count)));
  const chosen: { example: SftExample; places: Uint32Array }[] = [];
  let count = 0;
  for (const i of shuffled(examples.count, seed, stream, 0)) {
    if (count >= wanted) break;
    const example = examples.at(i);
    if (example === null) continue;
    const places = lossPlaces(example, Math.min(perExample, wanted - count), seed, `${stream}/${i}`);
    if (places.length === 0) continue;
    count += places.length;
    chosen.push({ example: upTo(example, places.at(-1) as number), places });
  }
  return { count, rows: pack(chosen, tokensPerMicroBatch) };
}

/** Some of an answer's loss tokens, ascending. Without a prompt nothing predicts the first. */
function lossPlaces({ promptIds, responseIds }: SftExample, most: number, seed: number, stream: string) {
  const first = promptIds.length === 0 ? 1 : 0;
  const order = shuffled(Math.max(0, responseIds.length - first), seed, stream, 0);
  return order
    .slice(0, most)
    .sort()
    .map((place) => place + first);
}

/** What follows the last chosen token changes nothing and is not computed. */
function upTo(example: SftExample, place: number): SftExample {
  return { ...example, responseIds: example.responseIds.slice(0, place + 1), responseEnds: false };
}

function pack(
  chosen: readonly { example: SftExample; places: Uint32Array }[],
  tokensPerMicroBatch: number,
): Positions["rows"] {
  const rows = packSft(
    chosen.map(({ example }) => example),
    tokensPerMicroBatch,
  );
  let next = 0;
  return rows.map((row) => {
    const tokens: number[] = [];
    for (let s = 0; s < row.rows.length; s++, next++) {
      const { example, places } = chosen[next] as (typeof chosen)[number];
      // loss tokens of a sequence stand from here on, its first being the answer's second where there is no prompt
      const from = (row.sequenceOffsets[s] as number) - (example.promptIds.length === 0 ? 1 : 0);
      for (const place of places) tokens.push(row.lossRows[from + place] as number);
    }
    return { row, tokens: Int32Array.from(tokens) };
  });
}
