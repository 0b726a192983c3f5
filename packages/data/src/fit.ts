import { type EncodedRow, type EncodedTexts, sameIds } from "./encode.js";
import type { IdenticalPairs, PairExample, SftExample, Truncate } from "./types.js";

/** What decides which encoded rows become examples, and what is cut of them. */
export interface Fitting {
  maxLength: number;
  truncate: Truncate;
  identicalPairs: IdenticalPairs;
  /** the tokenizer's, which `prompt-left` does not cut */
  prefixIds: readonly number[];
}

/** An example, and what was cut of it; or why there is none. */
export type Fitted =
  | { example: SftExample | PairExample; cut: string | null }
  | { example: null; drop: string };

/**
 * Makes an encoded row an example of at most `maxLength` tokens.
 *
 * @param where names file and row in errors
 * @throws Error in one line where the row is too long under `truncate: error`, or its answers the same under `identicalPairs: error`
 */
export function fitRow(encoded: EncodedRow, row: number, where: () => string, fitting: Fitting): Fitted {
  if (encoded.drop !== null) return { example: null, drop: encoded.drop };
  if (encoded.identical === "texts" && refuses("chosen = rejected", where, fitting)) {
    return { example: null, drop: "chosen = rejected" };
  }
  const fitted = fitLength(encoded, where, fitting);
  if ("drop" in fitted) return { example: null, drop: fitted.drop };
  const { prompt, answers, cut } = fitted;
  const [first, second] = answers as [Int32Array, Int32Array?];
  if (second === undefined) {
    // Nothing precedes the only token of a sequence, so there is nothing to learn from it.
    if (prompt.length + first.length < 2) return { example: null, drop: "nothing to predict" };
    const responseEnds = first.length === (encoded.answers[0] as Int32Array).length;
    return { example: { row, promptIds: prompt, responseIds: first, responseEnds }, cut };
  }
  if (encoded.identical !== "texts" && sameIds(first, second)) {
    // Two different texts may be the same once cut, or the same to the tokenizer.
    const reason = cut === null ? "chosen = rejected in tokens" : "chosen = rejected once cut";
    if (refuses(reason, where, fitting)) return { example: null, drop: reason };
  }
  return { example: { row, promptIds: prompt, chosenIds: first, rejectedIds: second }, cut };
}

/** Whether such a pair is dropped. */
function refuses(reason: string, where: () => string, { identicalPairs }: Fitting): boolean {
  if (identicalPairs === "error") {
    throw new Error(`${where()}: ${reason}; set identicalPairs to drop or keep, or remove the row`);
  }
  return identicalPairs === "drop";
}

/** Brings prompt and longest answer to `maxLength`, in the way `truncate` says. */
function fitLength(
  { prompt, answers }: EncodedTexts,
  where: () => string,
  { prefixIds, maxLength, truncate }: Fitting,
): { prompt: Int32Array; answers: Int32Array[]; cut: string | null } | { drop: string } {
  const longest = Math.max(...answers.map((ids) => ids.length));
  const length = prompt.length + longest;
  if (length <= maxLength) return { prompt, answers, cut: null };
  switch (truncate) {
    case "error":
      throw new Error(
        `${where()}: ${length} tokens (prompt ${prompt.length}, response ${longest}), but maxLength is ${maxLength}; raise maxLength, or set truncate to drop, prompt-left or response-right`,
      );
    case "drop":
      return { drop: "longer than maxLength" };
    case "prompt-left": {
      const prefix =
        prefixIds.length > 0 && prefixIds.every((id, i) => prompt[i] === id) ? prefixIds.length : 0;
      const kept = maxLength - longest - prefix;
      // At least one token of the prompt itself must remain, or the answer would answer nothing.
      if (kept < 1 || prompt.length === prefix) return { drop: "response leaves no room for a prompt" };
      const shortened = Int32Array.from([
        ...prompt.subarray(0, prefix),
        ...prompt.subarray(prompt.length - kept),
      ]);
      return { prompt: shortened, answers, cut: "prompt-left" };
    }
    case "response-right": {
      const room = maxLength - prompt.length;
      if (room < 1) return { drop: "prompt leaves no room for a response" };
      return { prompt, answers: answers.map((ids) => ids.slice(0, room)), cut: "response-right" };
    }
  }
}
