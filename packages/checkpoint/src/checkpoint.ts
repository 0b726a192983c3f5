/**
 * One checkpoint: a directory with safetensors files and `state.json`. The latter tells size and SHA-256 of each file
 * and of the state itself, so that any damage is seen before a run continues from it.
 */
import { createHash } from "node:crypto";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeDirectory, replaceDirectory, temporaryPath } from "./atomic.js";
import { eachChunkOfFile } from "./hf-directory.js";
import { exactJson, isJsonObject, type JsonValue, parseJsonObject } from "./json.js";
import { isFile, readText } from "./read-error.js";
import { byteSize } from "./safetensors-header.js";
import { openSafetensors, type SafetensorsFile } from "./safetensors-read.js";
import { type TensorSource, type WrittenFile, writeSafetensors } from "./safetensors-write.js";
import { writeError } from "./write-error.js";

const STATE_FILE = "state.json";
const FORMAT = "outright-checkpoint";
const VERSION = 1;

export interface CheckpointToSave {
  /** By file name without ending ("weights", "optimizer"): the tensors of that file. */
  tensors: Readonly<Record<string, Iterable<TensorSource>>>;
  /** All else a resumed run needs; plain JSON of finite numbers. */
  state: JsonValue;
}

export interface LoadedCheckpoint {
  readonly step: number;
  readonly dir: string;
  readonly state: JsonValue;
  /** The open tensor files, by name without ending. */
  readonly tensors: Readonly<Record<string, SafetensorsFile>>;
  /** Closes all tensor files. */
  close(): void;
}

/** The files of a checkpoint are not those that were written. */
export class CheckpointDamage extends Error {}

/** @throws Error of one line; the directory is then as it was. */
export function writeCheckpoint(dir: string, step: number, { tensors, state }: CheckpointToSave): void {
  const stateText = exactJson(state, `${dir}: state`);
  const files = Object.entries(tensors).map(([name, sources]) => ({
    file: `${name}.safetensors`,
    sources: [...sources],
  }));
  const bytes = files
    .flatMap(({ sources }) => sources)
    .reduce((sum, { dtype, shape }) => sum + byteSize(dtype, shape), Buffer.byteLength(stateText));
  const temporary = temporaryPath(dir);
  try {
    rmSync(temporary, { recursive: true, force: true });
    makeDirectory(temporary);
    const written: Record<string, WrittenFile> = {};
    for (const { file, sources } of files) written[file] = writeSafetensors(join(temporary, file), sources);
    const head = { format: FORMAT, version: VERSION, step, files: written, stateSha256: sha256(stateText) };
    // The state's text is set in as it is: its hash is over this very text.
    writeFileSync(
      join(temporary, STATE_FILE),
      `${JSON.stringify(head).slice(0, -1)},"state":${stateText}}\n`,
    );
    replaceDirectory(temporary, dir);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    const cause = error instanceof Error ? error.cause : undefined;
    throw writeError(cause ?? error, `the checkpoint of step ${step}`, dir, bytes);
  }
}

/**
 * Reads every byte.
 * @throws CheckpointDamage of one line that says what is missing or damaged; Error where it cannot be read.
 */
export function verifyCheckpoint(dir: string, step: number): void {
  const { files } = readState(dir, step);
  for (const [file, { bytes, sha256: expected }] of Object.entries(files)) {
    const path = join(dir, file);
    const size = statSync(path, { throwIfNoEntry: false })?.size;
    if (size === undefined) throw damaged(dir, `${file} is missing`);
    if (size !== bytes) throw damaged(dir, `${file} has ${size} bytes instead of ${bytes}`);
    const hash = createHash("sha256");
    eachChunkOfFile(path, (chunk) => hash.update(chunk));
    if (hash.digest("hex") !== expected)
      throw damaged(dir, `the bytes of ${file} are not those that were written`);
  }
}

/** Opens a checkpoint that was verified. */
export function openCheckpoint(dir: string, step: number): LoadedCheckpoint {
  const { files, state } = readState(dir, step);
  const opened: Record<string, SafetensorsFile> = {};
  const close = () => {
    for (const file of Object.values(opened)) file.close();
  };
  try {
    for (const file of Object.keys(files)) {
      opened[file.slice(0, -".safetensors".length)] = openSafetensors(join(dir, file));
    }
  } catch (error) {
    close();
    throw error;
  }
  return { step, dir, state, tensors: opened, close };
}

function readState(dir: string, step: number): { files: Record<string, WrittenFile>; state: JsonValue } {
  const path = join(dir, STATE_FILE);
  if (!isFile(path)) throw damaged(dir, `${STATE_FILE} is missing`);
  const { format, version, step: ofStep, files, stateSha256, state } = parseState(readText(path, ""), dir);
  if (format !== FORMAT) throw damaged(dir, `${STATE_FILE} is of another format`);
  if (version !== VERSION) {
    throw new Error(
      `${dir}: the checkpoint has version ${JSON.stringify(version)}, this program reads ${VERSION}; resume with the program that wrote it`,
    );
  }
  if (ofStep !== step) throw damaged(dir, `${STATE_FILE} is of step ${JSON.stringify(ofStep)}`);
  if (!isFileTable(files) || state === undefined || sha256(JSON.stringify(state)) !== stateSha256) {
    throw damaged(dir, `the content of ${STATE_FILE} is not what was written`);
  }
  return { files, state };
}

function parseState(text: string, dir: string): Record<string, JsonValue> {
  try {
    return parseJsonObject(text, STATE_FILE);
  } catch (error) {
    throw damaged(dir, (error as Error).message);
  }
}

function isFileTable(
  value: JsonValue | undefined,
): value is { [file: string]: { bytes: number; sha256: string } } {
  return (
    isJsonObject(value) &&
    Object.entries(value).every(
      ([file, entry]) =>
        /^[\w-]+\.safetensors$/.test(file) &&
        isJsonObject(entry) &&
        typeof entry.bytes === "number" &&
        typeof entry.sha256 === "string",
    )
  );
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function damaged(dir: string, what: string): CheckpointDamage {
  return new CheckpointDamage(`${dir}: the checkpoint is damaged and cannot be resumed from: ${what}`);
}
