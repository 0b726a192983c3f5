import { renderRow } from "./templates.js";
import type { Boundary, DataFormat, TemplateName, Tokenizer } from "./types.js";

/** All that decides a row's ids before anything is cut. */
export interface Encoding {
  format: DataFormat;
  template: TemplateName;
  boundary: Boundary;
  tokenizer: Tokenizer;
}

/** Why a row cannot be an example at all, whatever its length. */
export type RowDrop = "prompts differ" | "empty response";

/** A row in ids, before `truncate`; or why there is none. */
export type EncodedRow = { drop: RowDrop } | EncodedTexts;

export interface EncodedTexts {
  drop: null;
  prompt: Int32Array;
  /** One response, or the chosen and the rejected answer; each with its EOS. */
  answers: Int32Array[];
  /** Whether the two answers of a pair are the same text, or other texts of the same ids. */
  identical: "no" | "texts" | "ids";
}

/**
 * One row of a data file to ids. An empty response is an error, but in `hh` data, which has a few, the row is dropped.
 *
 * @param where names file and row in errors
 * @throws Error in one line
 */
export function encodeRow(value: unknown, where: string, encoding: Encoding): EncodedRow {
  const { format, template, boundary, tokenizer } = encoding;
  const rendered = renderRow(format, template, value, where, tokenizer);
  if ("drop" in rendered) return { drop: rendered.drop };
  const { prompt, ...responses } = rendered;
  const empty = Object.entries(responses).find(([, text]) => text.trim() === "");
  if (empty !== undefined) {
    if (format === "hh") return { drop: "empty response" };
    throw new Error(`${where}: the ${empty[0]} text is empty; remove the row or fill it`);
  }
  const ids = encodeTexts(prompt, Object.values(responses), boundary, tokenizer);
  const sameTexts = "chosen" in rendered && rendered.chosen === rendered.rejected;
  const [first, second] = ids.answers as [Int32Array, Int32Array?];
  const sameAnswers = second !== undefined && sameIds(first, second);
  return { drop: null, ...ids, identical: sameTexts ? "texts" : sameAnswers ? "ids" : "no" };
}

/** Prompt and responses to ids; the prompt is tokenised once. Loss will fall on a response and the EOS that follows it. */
function encodeTexts(
  prompt: string,
  responses: string[],
  boundary: Boundary,
  tokenizer: Tokenizer,
): { prompt: Int32Array; answers: Int32Array[] } {
  const prefix = prefixFor(prompt === "" ? (responses[0] as string) : prompt, tokenizer);
  if (boundary === "separate" || prompt === "") {
    return {
      prompt: Int32Array.from([...prefix, ...tokenizer.encode(prompt, { specialTokens: false })]),
      answers: responses.map((text) => ended(tokenizer.encode(text, { specialTokens: false }), tokenizer)),
    };
  }
  const joint = responses.map((text) => tokenizer.encodeJoint(prompt, text));
  const shared = sharedTokens(joint);
  return {
    prompt: Int32Array.from([...prefix, ...(joint[0] as { ids: number[] }).ids.slice(0, shared)]),
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
export function prefixFor(text: string, tokenizer: Tokenizer): readonly number[] {
  const begin = tokenizer.prefixIds[0] === undefined ? undefined : tokenizer.token(tokenizer.prefixIds[0]);
  return begin !== undefined && text.startsWith(begin) ? [] : tokenizer.prefixIds;
}

/** The answer with its EOS; a text that ends in that token already gets no second one. */
function ended(ids: number[], { eosId }: Tokenizer): Int32Array {
  if (ids.at(-1) === eosId) return Int32Array.from(ids);
  const ending = new Int32Array(ids.length + 1);
  ending.set(ids);
  ending[ids.length] = eosId;
  return ending;
}

export function sameIds(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
