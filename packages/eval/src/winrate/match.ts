/** Brings a model's outputs and the reference's together, by instruction. */
import type { Instruction, ModelOutput, OutputsFile } from "./outputs.js";

/** One instruction with both answers. */
export interface Pair extends Instruction {
  output: string;
  reference: string;
}

/** Rows of a file, counted from 0, that are no part of any pair. */
export interface LeftOver {
  /** the instruction came before in this file; the first row counts */
  duplicates: number[];
  /** the other file does not have the instruction */
  unmatched: number[];
}

export interface Matching {
  /** in the order of the reference's rows */
  pairs: Pair[];
  outputs: LeftOver;
  reference: LeftOver;
}

/** @throws Error of one line where the files have no instruction in common */
export function matchOutputs(outputs: OutputsFile, reference: OutputsFile): Matching {
  const ours = byInstruction(outputs.rows);
  const theirs = byInstruction(reference.rows);
  const pairs: Pair[] = [];
  const missing: number[] = [];
  for (const [key, row] of theirs.first) {
    const { output: other, ...instruction } = reference.rows[row] as ModelOutput;
    const own = ours.first.get(key);
    if (own === undefined) missing.push(row);
    else pairs.push({ ...instruction, output: (outputs.rows[own] as ModelOutput).output, reference: other });
  }
  if (pairs.length === 0) {
    throw new Error(
      `${outputs.path} and ${reference.path} have no instruction in common; rows are matched by the whole text of "instruction" and "input"`,
    );
  }
  const unmatched = [...ours.first].flatMap(([key, row]) => (theirs.first.has(key) ? [] : [row]));
  return {
    pairs,
    outputs: { duplicates: ours.duplicates, unmatched },
    reference: { duplicates: theirs.duplicates, unmatched: missing },
  };
}

function byInstruction(rows: readonly ModelOutput[]): { first: Map<string, number>; duplicates: number[] } {
  const first = new Map<string, number>();
  const duplicates: number[] = [];
  rows.forEach(({ instruction, input }, row) => {
    const key = JSON.stringify([instruction, input ?? ""]);
    if (first.has(key)) duplicates.push(row);
    else first.set(key, row);
  });
  return { first, duplicates };
}
