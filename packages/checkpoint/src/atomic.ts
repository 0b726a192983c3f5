/**
 * Files and directories that are either old or new, whenever the process or the machine dies.
 *
 * New content is written beside its target under a temporary name, flushed to the disk, and renamed. A rename replaces
 * a file in one stroke. A directory that exists cannot be replaced so: it is renamed aside, the new one takes its
 * place, the old one is deleted. If we die between these two renames, the target is missing and its old version lies
 * beside it; `recover` puts it back. Temporary names tell whose they are:
 * `.TARGET.outright-tmp-PID` (unfinished) and `.TARGET.outright-old-PID` (set aside).
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { isAlive } from "./process.js";
import { writeError } from "./write-error.js";

const LEFTOVER = /^\.(.+)\.outright-(tmp|old)-(\d+)$/s;

/** A sibling of `target` to write into; only this process uses the name. */
export function temporaryPath(target: string): string {
  return join(dirname(target), `.${basename(target)}.outright-tmp-${process.pid}`);
}

/** True for names that this module gives to unfinished or set-aside files and directories. */
export function isLeftoverName(name: string): boolean {
  return LEFTOVER.test(name);
}

/** @throws Error of one line where the file cannot be written; an existing one is then as it was. */
export function writeFileAtomic(path: string, data: string | Uint8Array): void {
  const bytes = typeof data === "string" ? Buffer.from(data, "utf8") : data;
  writeAtomic(path, basename(path), bytes.byteLength, (write) => write(bytes));
}

/**
 * Streams a file: `fill` is given a function that appends bytes.
 * @param what the file in words and `bytes` its size, for the error where it cannot be written.
 */
export function writeAtomic(
  path: string,
  what: string,
  bytes: number,
  fill: (write: (chunk: Uint8Array) => void) => void,
): void {
  const temporary = temporaryPath(path);
  let descriptor: number | undefined;
  try {
    descriptor = openSync(temporary, "w");
    const open = descriptor;
    fill((chunk) => writeFully(open, chunk));
    fsyncSync(descriptor);
    closeSync(descriptor);
    descriptor = undefined;
    renameSync(temporary, path);
    fsyncDirectory(dirname(path));
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor);
    rmSync(temporary, { force: true });
    throw writeError(error, what, path, bytes);
  }
}

/** One write call may take only a part. */
export function writeFully(descriptor: number, data: Uint8Array): void {
  let done = 0;
  while (done < data.byteLength) {
    // Linux moves at most 2^31 - 4096 bytes in a call.
    done += writeSync(descriptor, data, done, Math.min(data.byteLength - done, 1 << 30));
  }
}

/**
 * Puts the finished directory `temporary`, a sibling made under `temporaryPath(target)`, in the place of `target`,
 * which may exist and is then deleted. Flushes every file and directory first.
 */
export function replaceDirectory(temporary: string, target: string): void {
  const parent = dirname(target);
  fsyncTree(temporary);
  if (!existsSync(target)) {
    renameSync(temporary, target);
    fsyncDirectory(parent);
    return;
  }
  const old = join(parent, `.${basename(target)}.outright-old-${process.pid}`);
  renameSync(target, old);
  renameSync(temporary, target);
  fsyncDirectory(parent);
  rmSync(old, { recursive: true, force: true });
}

/**
 * Creates a directory and those above it that are missing. Node's own recursive mkdir tells ENOENT where the file
 * system is read-only, and says nothing to the disk.
 */
export function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  makeDirectory(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error; // another process was quicker
  }
  fsyncDirectory(dirname(path));
}

/** Deletes a directory so that at no moment half of it can be taken for the whole. */
export function removeDirectory(target: string): void {
  if (!existsSync(target)) return;
  const temporary = temporaryPath(target);
  rmSync(temporary, { recursive: true, force: true });
  renameSync(target, temporary);
  rmSync(temporary, { recursive: true, force: true });
}

/**
 * Ends what dead processes left in `directory`: unfinished writes are deleted; what was set aside goes back if its
 * target is missing, else is deleted.
 * @param only the target to care for; all of them where absent.
 * @param locked no other process writes here, so that a living process of a leftover's id is not its writer; without
 *   it, what carries a living process's id is left alone.
 */
export function recover(
  directory: string,
  { only, locked = false }: { only?: string; locked?: boolean } = {},
): void {
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory)) {
    const match = LEFTOVER.exec(name);
    if (match === null) continue;
    const [, target, stage, owner] = match as unknown as [string, string, "tmp" | "old", string];
    if (only !== undefined && target !== only) continue;
    if (!locked && Number(owner) !== process.pid && isAlive(Number(owner))) continue;
    const path = join(directory, name);
    if (stage === "old" && !existsSync(join(directory, target))) renameSync(path, join(directory, target));
    else rmSync(path, { recursive: true, force: true });
  }
}

function fsyncTree(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) fsyncTree(path);
    else if (entry.isFile()) fsyncFile(path);
  }
  fsyncDirectory(directory);
}

function fsyncFile(path: string): void {
  const descriptor = openSync(path, process.platform === "win32" ? "r+" : "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Makes renames within the directory outlast a power cut. Windows offers nothing of the kind. */
export function fsyncDirectory(directory: string): void {
  if (process.platform === "win32") return;
  const descriptor = openSync(directory, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
