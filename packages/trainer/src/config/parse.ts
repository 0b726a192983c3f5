/** From text or object to a checked RunConfig. */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileProblems } from "./files.js";
import { takeNotYet } from "./not-yet.js";
import { resolveOptima } from "./optima.js";
import { problemsOf } from "./problems.js";
import { resolveConfig } from "./resolve.js";
import { configSchema, type RunConfigInput } from "./schema.js";
import { semanticProblems } from "./semantics.js";
import { ConfigSource } from "./source.js";
import type { RunConfig } from "./types.js";

export interface ParseOptions {
  /** The config's file: named in errors, and relative paths start from its folder (else from the working directory). */
  path?: string;
  /** Dotted keys with values as on a command line; relative paths among them start from the working directory. */
  overrides?: Readonly<Record<string, string>>;
  /** Whether the files it names must exist; true unless said otherwise. */
  checkFiles?: boolean;
}

/**
 * Parses and checks a config given as YAML or JSON text, or as an object.
 * @throws ConfigError with one line for every problem: file, line, key, what was given, what is allowed.
 */
export function parseConfig(
  source: string | RunConfigInput | RunConfig,
  options: ParseOptions = {},
): RunConfig {
  const config = new ConfigSource(source, options.path);
  config.override(options.overrides ?? {});

  const input = structuredClone(config.value);
  const notYet = takeNotYet(input);
  const parsed = configSchema.safeParse(input);
  if (!parsed.success) throw config.error([...notYet, ...problemsOf(parsed.error.issues, input)]);

  const wrong = [...notYet, ...semanticProblems(parsed.data)];
  const folder = options.path === undefined ? process.cwd() : dirname(resolve(options.path));
  const baseOf = (key: string[]) => (config.isOverridden(key) ? process.cwd() : folder);
  const { optima, problems } = resolveOptima(parsed.data, baseOf(["optima"]));
  wrong.push(...problems);
  const resolved = resolveConfig(parsed.data, baseOf, optima);
  if (options.checkFiles ?? true) wrong.push(...fileProblems(resolved, parsed.data));
  if (wrong.length > 0) throw config.error(wrong);
  return resolved;
}

/** Reads and parses a config file. @throws Error of one line where it cannot be read; else as parseConfig. */
export function loadConfig(path: string, options: Omit<ParseOptions, "path"> = {}): RunConfig {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`${path}: ${reasonOf(error)}`);
  }
  return parseConfig(text.replace(/^\uFEFF/, ""), { ...options, path });
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return "no such config file; `outright init` writes one to start from";
  if (code === "EISDIR") return "is a directory; give the config file in it";
  if (code === "EACCES") return "may not be read (permission denied)";
  return message;
}
