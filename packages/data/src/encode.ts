import type { Boundary, PairExample, SftExample, Tokenizer, Truncate } from "./types.js";

/** How texts become ids. */
export interface Encoding {
  tokenizer: Tokenizer;
  boundary: Boundary;
  maxLength: number;
  truncate: Truncate;
}

/** An example, and what was cut of it; or why there is none. */
export type Encoded<Example> =
  | { example: Example; cut: string | null; drop: "" }
  | { example: null; cut: null; drop: string };

/** Prompt and response to ids; loss will fall on the response and the EOS that follows it. */
export function encodeSft(
  text: { prompt: string; response: string },
  row: number,
  where: string,
  encoding: Encoding,
): Encoded<SftExample> {
  const { prompt, answers } = encodeTexts(text.prompt, [text.response], encoding);
  const fitted = fit(prompt, answers, where, encoding);
  if ("drop" in fitted) return { example: null, cut: null, drop: fitted.drop };
  const responseIds = fitted.answers[0] as number[];
  // Nothing precedes the only token of a sequence, so there is nothing to learn from it.
  if (fitted.prompt.length + responseIds.length < 2)
    return { example: null, cut: null, drop: "nothing to predict" };
  const example: SftExample = {
    row,
    promptIds: Int32Array.from(fitted.prompt),
    responseIds: Int32Array.from(responseIds),
    responseEnds: responseIds.length === (answers[0] as number[]).length,
  };
  return { example, cut: fitted.cut, drop: "" };
}

/** A prompt and its two answers to ids; the prompt is tokenised once. */
export function encodePair(
  text: { prompt: string; chosen: string; rejected: string },
  row: number,
  where: string,
  encoding: Encoding,
): Encoded<PairExample> {
  const { prompt, answers } = encodeTexts(text.prompt, [text.chosen, text.rejected], encoding);
  const fitted = fit(prompt, answers, where, encoding);
  if ("drop" in fitted) return { example: null, cut: null, drop: fitted.drop };
  const [chosenIds, rejectedIds] = fitted.answers.map((ids) => Int32Array.from(ids)) as [
    Int32Array,
    Int32Array,
  ];
  return {
    example: { row, promptIds: Int32Array.from(fitted.prompt), chosenIds, rejectedIds },
    cut: fitted.cut,
    drop: "",
  };
}

interface Sequences {
  prompt: number[];
  answers: number[][];
}

function encodeTexts(prompt: string, responses: string[], { tokenizer, boundary }: Encoding): Sequences {
  const prefix = prefixFor(prompt === "" ? (responses[0] as string) : prompt, tokenizer);
  if (boundary === "separate" || prompt === "") {
    return {
      prompt: [...prefix, ...tokenizer.encode(prompt, { specialTokens: false })],
      answers: responses.map((text) => ended(tokenizer.encode(text, { specialTokens: false }), tokenizer)),
    };
  }
  const joint = responses.map((text) => tokenizer.encodeJoint(prompt, text));
  const shared = sharedTokens(joint);
  return {
    prompt: [...prefix, ...(joint[0] as { ids: number[] }).ids.slice(0, shared)],
    answers: joint.map(({ ids }) => ended(ids.slice(shared), tokenizer)),
  };
}

/**
 * How many tokens are the prompt's in every text. Two answers to one prompt may merge with its end in different ways; the
 * prompt is then what both tokenisations share, and all that follows carries loss, which compares the same texts.
 */
function sharedTokens(joint: readonly { ids: number[]; promptTokens: number }[]): number {
  let shared = Math.min(...joint.map(({ promptTokens }) => promptTokens));
  const first = (joint[0] as { ids: number[] }).ids;
  for (const { ids } of joint) {
    let same = 0;
    while (same < shared && ids[same] === first[same]) same++;
    shared = same;
  }
  return shared;
}

/** The special tokens to put in front; none where the text (a chat template's, say) writes its begin token itself. */
function prefixFor(text: string, tokenizer: Tokenizer): readonly number[] {
  const begin = tokenizer.prefixIds[0] === undefined ? undefined : tokenizer.token(tokenizer.prefixIds[0]);
  return begin !== undefined && text.startsWith(begin) ? [] : tokenizer.prefixIds;
}

/** The answer with its EOS; a text that ends in that token already gets no second one. */
function ended(ids: number[], { eosId }: Tokenizer): number[] {
  return ids.at(-1) === eosId ? ids : [...ids, eosId];
}

/** Brings prompt and longest answer to `maxLength`, in the way `truncate` says. */
function fit(
  prompt: number[],
  answers: number[][],
  where: string,
  { tokenizer, maxLength, truncate }: Encoding,
): (Sequences & { cut: string | null }) | { drop: string } {
  const longest = Math.max(...answers.map((ids) => ids.length));
  const length = prompt.length + longest;
  if (length <= maxLength) return { prompt, answers, cut: null };
  switch (truncate) {
    case "error":
      throw new Error(
        `${where}: ${length} tokens (prompt ${prompt.length}, response ${longest}), but maxLength is ${maxLength}; raise maxLength, or set truncate to drop, prompt-left or response-right`,
      );
    case "drop":
      return { drop: "longer than maxLength" };
    case "prompt-left": {
      const { prefixIds } = tokenizer;
      const prefix =
        prefixIds.length > 0 && prefixIds.every((id, i) => prompt[i] === id) ? prefixIds.length : 0;
      const kept = maxLength - longest - prefix;
      // At least one token of the prompt itself must remain, or the answer would answer nothing.
      if (kept < 1 || prompt.length === prefix) return { drop: "response leaves no room for a prompt" };
      return {
        prompt: [...prompt.slice(0, prefix), ...prompt.slice(prompt.length - kept)],
        answers,
        cut: "prompt-left",
      };
    }
    case "response-right": {
      const room = maxLength - prompt.length;
      if (room < 1) return { drop: "prompt leaves no room for a response" };
      return { prompt, answers: answers.map((ids) => ids.slice(0, room)), cut: "response-right" };
    }
  }
}
