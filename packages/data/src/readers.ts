import { createHash } from "node:crypto";
import { closeSync, createReadStream, openSync, readSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { pipeline } from "node:stream";
import { createGunzip, gunzipSync } from "node:zlib";
import type { ReadProgress } from "./types.js";

/** One row of a data file. */
export interface ReadRow {
  /** Counted from 0; blank lines are no rows. */
  row: number;
  /** Line of the file, counted from 1, blank lines included; absent where the file is not read by lines. */
  line?: number;
  /** An object; of a .txt file `{ text }`. */
  value: Record<string, unknown>;
}

const SUPPORTED = ".json, .jsonl, .ndjson (each also with .gz) and .txt";
const NOT_READ = new Set(["zst", "csv", "tsv", "parquet", "arrow", "feather", "xlsx", "zip", "bz2", "xz"]);

/**
 * Reads the rows of a data file one after another: `.json` (an array of objects), `.jsonl`/`.ndjson` (an object a line), both
 * also as `.gz`, and `.txt` (split at `<|endoftext|>` and trimmed where that occurs, else the whole file is one row).
 *
 * @throws Error naming file and row where the file is missing, empty, of another kind or broken
 */
export async function* readRows(
  path: string,
  options: { onProgress?: ReadProgress } = {},
): AsyncGenerator<ReadRow> {
  const kind = fileKind(path);
  const totalBytes = await fileSize(path);
  if (totalBytes === 0) throw new Error(`${path}: the file is empty`);
  const report = options.onProgress ?? (() => {});
  let rows = 0;
  const source = kind.type === "lines" ? linesOf(path, kind.gzip, progress) : wholeFile(path, kind);
  for await (const row of source) {
    rows++;
    yield row;
  }
  report({ bytes: totalBytes, totalBytes, rows });
  if (rows === 0) throw new Error(`${path}: there are no rows in the file`);

  function progress(bytes: number): void {
    report({ bytes, totalBytes, rows });
  }
}

/** Names a row in an error message. */
export function describeRow(path: string, row: number, line?: number): string {
  return line === undefined ? `${path}: row ${row} (from 0)` : `${path}: row ${row} (from 0; line ${line})`;
}

/** sha256 of a file's bytes, hex. `onBlock` is called now and then, and may throw to end it. */
export async function hashFile(path: string, onBlock: () => void = () => {}): Promise<string> {
  const hash = createHash("sha256");
  for await (const block of blocksOf(path)) {
    hash.update(block);
    onBlock();
  }
  return hash.digest("hex");
}

/**
 * A file's bytes, block by block, with a turn of the event loop between them. Each block is gone when the next is asked for. Reads
 * at once what the system has at hand, which is several times as quick as a stream.
 */
export async function* blocksOf(path: string): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafe(1 << 20);
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer)) {
      yield buffer.subarray(0, read);
      await new Promise((resolve) => setImmediate(resolve));
    }
  } catch (error) {
    if ((error as { code?: string }).code !== undefined) throw new Error(`${path}: ${readFailure(error)}`);
    throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Whether a file's rows are its lines as they stand, and can be read in any order. */
export function isPlainLines(path: string): boolean {
  const { type, gzip } = fileKind(path);
  return type === "lines" && !gzip;
}

interface FileKind {
  type: "lines" | "array" | "text";
  gzip: boolean;
}

function fileKind(path: string): FileKind {
  const gzip = /\.gz$/i.test(path);
  const extension = (/\.([^./\\]+)$/.exec(gzip ? path.slice(0, -3) : path)?.[1] ?? "").toLowerCase();
  if (extension === "jsonl" || extension === "ndjson") return { type: "lines", gzip };
  if (extension === "json") return { type: "array", gzip };
  if (extension === "txt") return { type: "text", gzip };
  const why = NOT_READ.has(extension) ? `.${extension} files are not read yet` : "unknown kind of file";
  throw new Error(`${path}: ${why}; supported are ${SUPPORTED}`);
}

/** Tells whether a file is still the same. */
export interface FileStamp {
  size: number;
  mtimeMs: number;
}

/** @throws Error where there is no such file, or it may not be read */
export async function fileSize(path: string): Promise<number> {
  return (await fileStamp(path)).size;
}

export async function fileStamp(path: string): Promise<FileStamp> {
  let found: Awaited<ReturnType<typeof stat>>;
  try {
    found = await stat(path);
  } catch (error) {
    throw new Error(`${path}: ${readFailure(error)}`);
  }
  if (found.isDirectory()) throw new Error(`${path}: is a directory; name a data file (${SUPPORTED})`);
  return { size: found.size, mtimeMs: found.mtimeMs };
}

export function readFailure(error: unknown): string {
  const code = (error as { code?: string }).code ?? "";
  if (code === "ENOENT" || code === "ENOTDIR") return "there is no such file";
  if (code === "EACCES" || code === "EPERM") return "no permission to read the file";
  if (code.startsWith("Z_")) return "the gzip data is damaged or cut short";
  return (error as Error).message.replace(/\s+/g, " ");
}

/** Rows of a file of lines; only the present chunk and an unfinished line are held in memory. */
async function* linesOf(
  path: string,
  gzip: boolean,
  progress: (bytes: number) => void,
): AsyncGenerator<ReadRow> {
  const file = createReadStream(path, { highWaterMark: 1 << 18 });
  const stream = gzip ? pipeline(file, createGunzip(), () => {}) : file;
  let line = 0;
  let row = 0;
  let rest: Buffer[] = [];
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      progress(file.bytesRead);
      let from = 0;
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
        const bytes = chunk.subarray(from, at);
        from = at + 1;
        const text = lineText(rest.length === 0 ? bytes : Buffer.concat([...rest, bytes]), line++);
        if (rest.length > 0) rest = [];
        if (text !== "") yield { row, line, value: parseLine(text, describeRow(path, row++, line)) };
      }
      if (from < chunk.length) rest.push(chunk.subarray(from));
    }
  } catch (error) {
    if ((error as { code?: string }).code !== undefined) throw new Error(`${path}: ${readFailure(error)}`);
    throw error;
  } finally {
    file.destroy();
  }
  if (rest.length > 0) {
    const text = lineText(Buffer.concat(rest), line++);
    if (text !== "") yield { row, line, value: parseLine(text, describeRow(path, row, line)) };
  }
}

/** A line without the byte order mark of the first line and without white space round it (so CRLF too). */
export function lineText(bytes: Buffer, index: number): string {
  const text = bytes.toString("utf8");
  return (index === 0 && text.startsWith("\ufeff") ? text.slice(1) : text).trim();
}

export function parseLine(text: string, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${where} is not valid JSON: ${jsonFailure(error)}`);
  }
  return asObject(value, where);
}

function asObject(value: unknown, where: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  const found = value === null ? "null" : Array.isArray(value) ? "an array" : `a ${typeof value}`;
  throw new Error(`${where} is ${found}, but a row must be an object with named fields`);
}

/** The parser's complaint without the piece of data that it quotes, which may hold line breaks. */
function jsonFailure(error: unknown): string {
  return (error as Error).message.replace(/,\s*(\.\.\.)?"[\s\S]*is not valid JSON$/, "").replace(/\s+/g, " ");
}

async function* wholeFile(path: string, kind: FileKind): AsyncGenerator<ReadRow> {
  let text: string;
  try {
    const bytes = await readFile(path);
    text = (kind.gzip ? gunzipSync(bytes) : bytes).toString("utf8");
  } catch (error) {
    throw new Error(`${path}: ${readFailure(error)}`);
  }
  if (text.startsWith("\ufeff")) text = text.slice(1);
  if (kind.type === "text") yield* textRows(text);
  else yield* arrayRows(text, path);
}

function* textRows(text: string): Generator<ReadRow> {
  const parts = text.includes("<|endoftext|>")
    ? text.split("<|endoftext|>").map((part) => part.trim())
    : [text];
  let row = 0;
  for (const part of parts) if (part.trim() !== "") yield { row: row++, value: { text: part } };
}

function* arrayRows(text: string, path: string): Generator<ReadRow> {
  const first = /\S/.exec(text)?.[0];
  if (first === undefined) throw new Error(`${path}: the file is empty`);
  if (first !== "[") {
    throw new Error(
      `${path}: a .json file must hold an array of rows; for one object per line name it .jsonl`,
    );
  }
  let values: unknown[];
  try {
    values = JSON.parse(text) as unknown[];
  } catch (error) {
    throw brokenElement(text, path, error);
  }
  for (let row = 0; row < values.length; row++) {
    yield { row, value: asObject(values[row], describeRow(path, row)) };
  }
}

/** The row and line at which an array that does not parse is broken: the first element that does not parse by itself. */
function brokenElement(text: string, path: string, whole: unknown): Error {
  const start = text.indexOf("[") + 1;
  let line = lineBreaks(text, 0, start) + 1;
  let row = 0;
  let from = start;
  for (const end of elementEnds(text, start)) {
    const element = text.slice(from, end);
    const leading = /^\s*/.exec(element)?.[0].length ?? 0;
    try {
      JSON.parse(element);
    } catch (error) {
      const at = line + lineBreaks(text, from, from + leading);
      return new Error(`${describeRow(path, row, at)} is not valid JSON: ${jsonFailure(error)}`);
    }
    line += lineBreaks(text, from, end + 1);
    from = end + 1;
    row++;
  }
  // All elements are sound, so what is wrong stands after the last one.
  return new Error(
    `${path}: not valid JSON after row ${row - 1} (from 0; line ${line}): ${jsonFailure(whole)}`,
  );
}

function lineBreaks(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = text.indexOf("\n", from); at >= 0 && at < to; at = text.indexOf("\n", at + 1)) count++;
  return count;
}

/** Offsets of the commas between an array's elements, and of its closing bracket or the end of the text. */
function* elementEnds(text: string, start: number): Generator<number> {
  let depth = 0;
  let inString = false;
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (inString) {
      if (char === "\\") at++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === "{" || char === "[") depth++;
    else if (char === "}" || (char === "]" && depth > 0)) depth--;
    else if (char === "," && depth === 0) yield at;
    else if (char === "]") return void (yield at);
  }
  yield text.length;
}
