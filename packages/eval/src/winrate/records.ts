/** A file of results that cost something: one JSON object a line, only ever appended to, found again by its key. */
import { existsSync, readFileSync } from "node:fs";
import { MetricsFile } from "@outright/checkpoint";

/** So many lines may be lost to a power cut; a process that dies loses none. */
const LINES_A_FLUSH = 16;

/** What stands in such a file. */
export interface KeptRecords<R> {
  byKey: Map<string, R>;
  /** lines that hold no record; they stay in the file and count for nothing */
  damaged: number;
  /** bytes of all whole lines: what follows was cut by a crash */
  bytes: number;
}

/**
 * Reads without changing anything; nothing is kept where there is no file.
 * @param isRecord whether a line's value is one
 */
export function readRecords<R extends { key: string }>(
  path: string,
  isRecord: (value: Record<string, unknown>) => boolean,
): KeptRecords<R> {
  const content = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  const kept: KeptRecords<R> = { byKey: new Map(), damaged: 0, bytes: content.lastIndexOf(10) + 1 };
  for (const line of content.toString("utf8", 0, kept.bytes).split("\n")) {
    if (line.trim() === "") continue;
    const value = parsed(line);
    if (typeof value?.key === "string" && isRecord(value)) kept.byKey.set(value.key, value as unknown as R);
    else kept.damaged++;
  }
  return kept;
}

export class Records<R extends { key: string }> {
  readonly path: string;
  readonly #byKey: Map<string, R>;
  readonly #file: MetricsFile;
  #unflushed = 0;

  /** Opens the file, or creates it. A last line that was cut by a crash is removed. */
  constructor(path: string, kept: KeptRecords<R>) {
    this.path = path;
    this.#byKey = kept.byKey;
    this.#file = new MetricsFile(path, "a line of results");
    if (this.#file.byteLength > kept.bytes) this.#file.truncateTo(kept.bytes);
  }

  get(key: string): R | undefined {
    return this.#byKey.get(key);
  }

  /** The line is with the operating system when this returns. */
  append(record: R): void {
    this.#file.append(JSON.parse(JSON.stringify(record)));
    this.#byKey.set(record.key, record);
    if (++this.#unflushed >= LINES_A_FLUSH) this.#flush();
  }

  close(): void {
    this.#flush();
    this.#file.close();
  }

  #flush(): void {
    if (this.#unflushed > 0) this.#file.flush();
    this.#unflushed = 0;
  }
}

function parsed(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" ? (value as Record<string, unknown> | null) : null;
  } catch {
    return null;
  }
}
