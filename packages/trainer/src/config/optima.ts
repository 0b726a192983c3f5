/** f* of a run's objectives: from the config itself, or from the optima.json that it names. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { ParsedConfig } from "./schema.js";
import type { ConfigProblem } from "./source.js";
import type { KnownOptimum } from "./types.js";

const PATH = ["optima"];

/** @returns f* by objective, in the config's order; absent where the config gives none or the file cannot be used */
export function resolveOptima(
  { optima, objectives }: ParsedConfig,
  folder: string,
): { optima?: Record<string, KnownOptimum>; problems: ConfigProblem[] } {
  if (optima === undefined) return { problems: [] };
  const names = Object.keys(objectives);
  if (typeof optima === "string") {
    try {
      return { optima: readOptima(resolve(folder, optima), names), problems: [] };
    } catch (error) {
      return { problems: [{ path: PATH, message: (error as Error).message }] };
    }
  }
  const unknown = Object.keys(optima).filter((name) => !names.includes(name));
  const problems = unknown.map((name) => ({
    path: [...PATH, name],
    message: `there is no objective ${name}; there are ${names.join(", ")}`,
  }));
  const known = names
    .filter((name) => Object.hasOwn(optima, name))
    .map((name) => [name, asKnown(optima[name] as number | Described)] as const);
  return { optima: Object.fromEntries(known), problems };
}

/** f* with where it comes from. */
type Described = Exclude<Exclude<ParsedConfig["optima"], string | undefined>[string], number>;

function asKnown(given: number | Described): KnownOptimum {
  if (typeof given === "number") return { heldout: given, from: "config" };
  const { heldout, train, from, key } = given;
  return {
    heldout,
    ...(train === undefined ? {} : { train }),
    from,
    ...(key === undefined ? {} : { key }),
  };
}

/**
 * f* of the objectives from an optima.json.
 * @throws Error of one line where the file cannot be read, or does not know one of them
 */
export function readOptima(path: string, names: readonly string[]): Record<string, KnownOptimum> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(
      code === "ENOENT"
        ? `no such file: ${path}; \`outright optima run.yaml\` makes one`
        : `${path}: ${message}`,
    );
  }
  const file = parsed(text);
  const objectives = file?.objectives;
  if (file?.version !== 1 || typeof objectives !== "object" || objectives === null)
    throw new Error(`${path} is no optima.json of version 1; \`outright optima run.yaml\` makes one`);
  const known = names.map((name) => {
    const { heldout, train, key } = (objectives as Record<string, Record<string, unknown>>)[name] ?? {};
    if (typeof heldout !== "number") {
      const there = Object.keys(objectives).join(", ");
      throw new Error(`${path} tells no held-out optimum of ${name}; it has ${there || "none"}`);
    }
    const optimum: KnownOptimum = { heldout, from: path };
    if (typeof train === "number") optimum.train = train;
    if (typeof key === "string") optimum.key = key;
    return [name, optimum] as const;
  });
  return Object.fromEntries(known);
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
