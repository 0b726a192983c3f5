/** Files of model outputs in AlpacaEval's format: rows of instruction, output, generator and, where given, dataset and input. */
import { basename } from "node:path";
import { describeRow, readRows } from "@outright/data";

/** What a model is asked; `input` is the older files' second half of an instruction. */
export interface Instruction {
  instruction: string;
  input?: string;
  dataset?: string;
}

export interface ModelOutput extends Instruction {
  /** may be empty: a model may say nothing */
  output: string;
}

export interface OutputsFile {
  path: string;
  /** whose outputs these are: the rows' `generator`, else the file's name */
  generator: string;
  rows: ModelOutput[];
}

/**
 * Reads a JSON array or JSON lines of outputs.
 * @throws Error of one line naming file, row and field; also where rows are of several generators
 */
export async function readOutputs(path: string): Promise<OutputsFile> {
  const rows: ModelOutput[] = [];
  let generator: string | undefined;
  for await (const { row, line, value } of readRows(path)) {
    const where = describeRow(path, row, line);
    rows.push({
      instruction: text(value, "instruction", where),
      ...optional(value, "input", where),
      ...optional(value, "dataset", where),
      output: text(value, "output", where),
    });
    const name = optional(value, "generator", where).generator;
    if (name !== undefined && generator !== undefined && name !== generator) {
      throw new Error(
        `${where}: is of generator "${name}", earlier rows are of "${generator}"; give the outputs of one model a file`,
      );
    }
    generator ??= name;
  }
  return { path, generator: generator ?? basename(path).replace(/\.(jsonl?|ndjson)(\.gz)?$/i, ""), rows };
}

/** The one text that a judge reads as the instruction. */
export function instructionText({ instruction, input }: Instruction): string {
  return input ? `${instruction}\n\n${input}` : instruction;
}

function text(row: Record<string, unknown>, field: string, where: string): string {
  const value = row[field];
  if (typeof value === "string") return value;
  throw new Error(
    `${where}: field "${field}" ${value === undefined ? "is missing" : "is not a text"}; AlpacaEval's rows have instruction, output and generator`,
  );
}

function optional<F extends string>(
  row: Record<string, unknown>,
  field: F,
  where: string,
): Partial<Record<F, string>> {
  const value = row[field];
  if (value === undefined || value === null || value === "") return {};
  return { [field]: text(row, field, where) } as Record<F, string>;
}
