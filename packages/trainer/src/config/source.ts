/** The text or object that a config came from: its plain value, and where each key stands in the file. */
import { type Document, isMap, isNode, isPair, LineCounter, parse, parseDocument } from "yaml";
import type { KeyPath } from "./describe.js";

/** One thing that is wrong, on one line. */
export interface ConfigProblem {
  /** the key, e.g. ["objectives", "sft", "batch"]; empty where the whole file is meant */
  path: KeyPath;
  message: string;
  /** 1-based line of the config file, where known */
  line?: number;
}

/** The config cannot be used. `message` has one line for each problem. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];
  constructor(lines: readonly string[], problems: readonly ConfigProblem[]) {
    super(lines.join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

export class ConfigSource {
  /** as people know the file; absent for an object */
  readonly path: string | undefined;
  readonly value: Record<string, unknown>;
  readonly #document: Document | undefined;
  readonly #lines = new LineCounter();
  /** dotted paths that were given as overrides */
  readonly #overridden = new Set<string>();

  /** @throws ConfigError where the text is no YAML or JSON, or holds no mapping. */
  constructor(source: unknown, path: string | undefined) {
    this.path = path;
    if (typeof source === "string") {
      this.#document = parseDocument(source, { lineCounter: this.#lines, prettyErrors: false });
      const broken = this.#document.errors.map((error) => ({
        path: [],
        message: `${oneLine(error.message)}${this.#looksLikeJson(source) ? " (read as JSON)" : ""}`,
        line: this.#lines.linePos(error.pos[0]).line,
      }));
      if (broken.length > 0) throw this.error(broken);
    }
    const value = this.#document === undefined ? source : this.#toValue();
    if (value === null || value === undefined || value === "") {
      throw this.error([
        { path: [], message: "the config is empty; `outright init` writes one to start from" },
      ]);
    }
    if (typeof value !== "object" || Array.isArray(value)) {
      throw this.error([{ path: [], message: "the config must be a mapping of keys to values" }]);
    }
    this.value = structuredClone(value) as Record<string, unknown>;
  }

  /** Sets dotted keys to values written as on a command line; each value is read as YAML. */
  override(overrides: Readonly<Record<string, string>>): void {
    const problems: ConfigProblem[] = [];
    for (const [dotted, text] of Object.entries(overrides)) {
      const keys = dotted.split(".");
      this.#overridden.add(dotted);
      try {
        setAt(this.value, keys, readValue(text));
      } catch (error) {
        problems.push({ path: keys, message: oneLine((error as Error).message) });
      }
    }
    if (problems.length > 0) throw this.error(problems);
  }

  /** Whether the value at `path`, or one it lies in, was given as an override. */
  isOverridden(path: KeyPath): boolean {
    return path.some((_, end) => this.#overridden.has(path.slice(0, end + 1).join(".")));
  }

  error(problems: readonly ConfigProblem[]): ConfigError {
    const located = problems.map((problem) => {
      const line = problem.line ?? this.#lineOf(problem.path);
      return line === undefined ? problem : { ...problem, line };
    });
    const last = Number.MAX_SAFE_INTEGER;
    located.sort((a, b) => (a.line ?? last) - (b.line ?? last));
    return new ConfigError(
      located.map((problem) => this.#format(problem)),
      located,
    );
  }

  #format(problem: ConfigProblem): string {
    const key = problem.path.join(".");
    if (this.isOverridden(problem.path)) return `--${key}: ${problem.message}`;
    const file =
      this.path === undefined ? "" : `${this.path}${problem.line === undefined ? "" : `:${problem.line}`}: `;
    return `${file}${key === "" ? "" : `${key}: `}${problem.message}`;
  }

  /** The line of the key, or of the nearest thing it lies in. */
  #lineOf(path: KeyPath): number | undefined {
    if (this.#document === undefined || this.isOverridden(path)) return undefined;
    for (let length = path.length; length > 0; length--) {
      const parent =
        length === 1 ? this.#document.contents : this.#document.getIn(path.slice(0, length - 1), true);
      const offset = keyOffset(parent, path[length - 1] as string | number);
      if (offset !== undefined) return this.#lines.linePos(offset).line;
    }
    return undefined;
  }

  #toValue(): unknown {
    try {
      return this.#document?.toJS();
    } catch (error) {
      // e.g. an alias without its anchor, or too many aliases
      throw this.error([{ path: [], message: oneLine((error as Error).message) }]);
    }
  }

  #looksLikeJson(text: string): boolean {
    return (this.path ?? "").endsWith(".json") || text.trimStart().startsWith("{");
  }
}

function keyOffset(parent: unknown, key: string | number): number | undefined {
  if (isMap(parent)) {
    for (const pair of parent.items) {
      if (isPair(pair) && isNode(pair.key) && String(pair.key) === String(key)) return pair.key.range?.[0];
    }
    return undefined;
  }
  const items = (parent as { items?: unknown[] } | null | undefined)?.items;
  const item = typeof key === "number" ? items?.[key] : undefined;
  return isNode(item) ? item.range?.[0] : undefined;
}

function readValue(text: string): unknown {
  if (text === "") return "";
  try {
    return parse(text, { prettyErrors: false });
  } catch (error) {
    throw new Error(`${JSON.stringify(text)} cannot be read: ${(error as Error).message}`);
  }
}

function setAt(root: Record<string, unknown>, keys: readonly string[], value: unknown): void {
  if (keys.some((key) => key === "" || key === "__proto__")) throw new Error("no such key");
  let holder: Record<string, unknown> = root;
  for (const key of keys.slice(0, -1)) {
    const inner = Object.hasOwn(holder, key) ? holder[key] : undefined;
    if (inner === undefined || inner === null) holder[key] = {};
    else if (typeof inner !== "object")
      throw new Error(`${key} is ${JSON.stringify(inner)} in the config, it has no keys`);
    holder = holder[key] as Record<string, unknown>;
  }
  const last = keys[keys.length - 1] as string;
  if (Array.isArray(holder) && !(/^\d+$/.test(last) && Number(last) < holder.length)) {
    throw new Error(`the list has ${holder.length} items, counted from 0`);
  }
  holder[last] = value;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
