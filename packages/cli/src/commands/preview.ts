/** `outright preview`: rows as the model sees them; what carries loss is coloured, or in ⟦brackets⟧ without colours. */
import { basename } from "node:path";
import { tokenizerDirectory } from "@outright/checkpoint";
import {
  loadDataset,
  loadTokenizer,
  type PairExample,
  readMargins,
  type SftExample,
  type Tokenizer,
} from "@outright/data";
import { datasetOptions, loadConfig } from "@outright/trainer";
import { formatWhole } from "../terminal/format.js";
import { LiveLine } from "../terminal/live-line.js";
import type { Output } from "../terminal/output.js";

export interface PreviewFlags {
  objective?: string;
  rows: number;
  skip: number;
  json?: boolean;
}

const DIM = "2";
const GREEN = "32";
const RED = "31";

export async function previewCommand(
  path: string,
  flags: PreviewFlags,
  overrides: Record<string, string>,
  output: Output,
): Promise<void> {
  const config = loadConfig(path, { overrides });
  const names = flags.objective === undefined ? Object.keys(config.objectives) : [flags.objective];
  const tokenizer = await loadTokenizer(tokenizerDirectory(config.model));
  for (const name of names) {
    const objective = config.objectives[name];
    if (objective === undefined) {
      throw new Error(
        `--objective: there is no objective ${name}; there are ${Object.keys(config.objectives).join(", ")}`,
      );
    }
    const line = new LiveLine(output);
    const { examples, report } = await loadDataset({
      ...datasetOptions(objective, config, tokenizer),
      onProgress: ({ rows }) => {
        if (flags.json !== true && output.isTerminal) line.show(`reading row ${formatWhole(rows)}`);
      },
    });
    const margins =
      objective.kind === "dpo" && objective.loss === "mmpo" ? await readMargins(objective.data) : null;
    line.clear();
    const shown = (examples as readonly (SftExample | PairExample)[]).slice(
      flags.skip,
      flags.skip + flags.rows,
    );
    if (flags.json === true) {
      for (const example of shown) {
        const margin = margins === null ? {} : { margin: margins[example.row] };
        output.out(`${JSON.stringify({ objective: name, ...plain(example), ...margin })}\n`);
      }
      continue;
    }
    output.out(
      `${name}: ${objective.kind}, ${formatWhole(report.kept)} of ${formatWhole(report.rows)} rows of ${basename(objective.data)}, format ${objective.format}, template ${objective.template}\n\n`,
    );
    for (const example of shown) {
      const margin = margins === null ? "" : `, margin ${margins[example.row]}`;
      output.out(`${describe(example, margin, tokenizer, output.hasColour)}\n\n`);
    }
  }
}

/** @param margin of a pair, where its loss reads it */
function describe(
  example: SftExample | PairExample,
  margin: string,
  tokenizer: Tokenizer,
  hasColour: boolean,
): string {
  const paint = (ids: Int32Array, colour: string): string => {
    const text = tokenizer.decode(ids, { skipSpecialTokens: false });
    if (hasColour) return `\x1b[${colour}m${text}\x1b[0m`;
    return colour === DIM ? text : `⟦${text}⟧`;
  };
  const tokens = (ids: Int32Array): string => `${ids.length} tokens`;
  const prompt = `prompt ${tokens(example.promptIds)}`;
  if ("responseIds" in example) {
    const title = `row ${example.row}: ${prompt}, response ${tokens(example.responseIds)}${example.responseEnds ? "" : " (cut, no end)"}`;
    return `${title}\n${paint(example.promptIds, DIM)}${paint(example.responseIds, GREEN)}`;
  }
  const title = `row ${example.row}: ${prompt}, chosen ${tokens(example.chosenIds)}, rejected ${tokens(example.rejectedIds)}${margin}`;
  return [
    title,
    paint(example.promptIds, DIM),
    `chosen:   ${paint(example.chosenIds, GREEN)}`,
    `rejected: ${paint(example.rejectedIds, RED)}`,
  ].join("\n");
}

/** Typed arrays as lists, for JSON. */
function plain(example: SftExample | PairExample): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(example).map(([key, value]) => [key, value instanceof Int32Array ? [...value] : value]),
  );
}
