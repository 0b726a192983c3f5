/** `theory.json`, as `outright theory` writes it. This package imports no other, so what it reads of the file is said here. */
import { readFile } from "node:fs/promises";

/** A place in the parameter plane, with the gaps f - f* of both losses and of their mixture there, in nats. */
export interface Place {
  x: number;
  y: number;
  sftGap: number;
  dpoGap: number;
  mixtureGap: number;
}

export interface Theory {
  seed: number | null;
  instance: { lambda: number };
  stepScale: number;
  pathStepScale: number;
  marks: { start: Place; sft: Place; dpo: Place; mixture: Place; minMax: Place };
  front: (Place & { weight: number })[];
  /** row by row from the lowest y */
  grid: {
    x: [number, number];
    y: [number, number];
    columns: number;
    rows: number;
    sft: number[];
    dpo: number[];
  };
  paths: { method: string; order?: string; steps: number; points: (Place & { step: number })[] }[];
  curves: { method: string; order?: string; points: { steps: number; gap: number }[]; slope?: number }[];
  /** the slope is fitted from this T on */
  fittedFrom: number;
  bounds: { order: string; leastSteps: number; constant: number; limit: number }[];
}

const VERSION = 1;

/** @throws Error, one line: no such file, not JSON, not of `outright theory`, of another version. */
export async function readTheory(path: string): Promise<Theory> {
  const again = "write it anew with `outright theory`";
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? "it is no JSON";
    throw new Error(`${path}: cannot be read (${why}); ${again}`);
  }
  const { kind, version } = (parsed ?? {}) as { kind?: unknown; version?: unknown };
  if (kind !== "outright-theory") throw new Error(`${path}: not a file of \`outright theory\`; ${again}`);
  if (version !== VERSION) {
    throw new Error(`${path}: has version ${version}, this program reads version ${VERSION}; ${again}`);
  }
  const theory = parsed as Theory;
  const { grid, paths, curves, bounds, front, marks } = theory;
  const isWhole =
    [paths, curves, bounds, front].every(Array.isArray) &&
    marks?.minMax !== undefined &&
    grid?.sft?.length === grid?.columns * grid?.rows &&
    grid?.dpo?.length === grid?.sft?.length;
  if (!isWhole) throw new Error(`${path}: parts of it are missing; ${again}`);
  return theory;
}

/** "DPO, then SFT" for "dpo-sft", else the method's name. */
export function named({ method, order }: { method: string; order?: string }): string {
  if (order !== undefined) return order.toUpperCase().replace("-", ", then ");
  return method === "mix" ? "Mix" : method.toUpperCase();
}
