/** Plain text to compare on: windows of its rows, so that a book in one row gives as many as a file of many short rows. */
import {
  counterRandom,
  type DatasetOptions,
  type Examples,
  openExamples,
  type SftExample,
  type Tokenizer,
} from "@outright/data";
import type { RunConfig } from "../config/index.js";
import { tokenCache } from "../objective-data.js";
import type { Tokenising } from "../tokenising.js";

/** Tokens of a window at most: enough context, at a cost that does not grow with the length of the text. */
const WINDOW = 256;

/** How a file of plain text is read. */
export function textOptions(path: string, tokenizer: Tokenizer): DatasetOptions & { kind: "sft" } {
  return {
    kind: "sft",
    path,
    format: "text",
    template: "plain",
    boundary: "separate",
    tokenizer,
    // rows are not cut: windows are taken of them
    maxLength: Number.MAX_SAFE_INTEGER,
    truncate: "error",
  };
}

export function openText(
  path: string,
  config: RunConfig,
  tokenizer: Tokenizer,
  tokenising: Tokenising,
  onWarning: (message: string) => void,
): Promise<Examples<SftExample>> {
  return openExamples({
    ...textOptions(path, tokenizer),
    cache: tokenCache(config),
    onProgress: tokenising.progressOf(path),
    onWarning,
  });
}

/** At least `wanted` windows where the rows are long enough for them, as many from each row; null: the row has no such window. */
export function textWindows(
  text: Pick<Examples<SftExample>, "rows" | "example">,
  wanted: number,
  maxLength: number,
  seed: number,
): { count: number; at: (i: number) => SftExample | null } {
  const perRow = Math.max(1, Math.ceil(wanted / Math.max(1, text.rows)));
  const at = (i: number) => {
    const [row, window] = [Math.floor(i / perRow), i % perRow];
    const example = text.example(row);
    if (example === null) return null;
    const { promptIds, responseIds } = example;
    const size = Math.min(WINDOW, maxLength - promptIds.length);
    // a row is divided evenly, and in each part a window begins anywhere
    const part = Math.max(size, responseIds.length / perRow);
    const first = Math.floor(window * part);
    if (first >= responseIds.length) return null;
    const room = Math.max(0, Math.min(part, responseIds.length - first) - size);
    const from = first + Math.floor(counterRandom(seed, `kl/window/${row}`)(window) * (room + 1));
    const ids = responseIds.slice(from, from + size);
    return { row, promptIds, responseIds: ids, responseEnds: from + size >= responseIds.length };
  };
  return { count: text.rows * perRow, at };
}
