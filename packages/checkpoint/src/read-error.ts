/** Reading small files with one-line errors. */
import { readFileSync, type Stats, statSync } from "node:fs";

/** @param missing what to do where there is no such file, for the error. */
export function readText(path: string, missing: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw readError(error, path, missing);
  }
}

export function readError(error: unknown, path: string, missing: string): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR") return new Error(`${path}: there is no such file; ${missing}`);
  if (code === "EACCES") return new Error(`${path}: may not be read (permission denied)`);
  if (code === "EISDIR") return new Error(`${path}: is a directory, not a file`);
  return new Error(`${path}: cannot be read: ${message.replace(/\s+/g, " ")}`);
}

export function isDirectory(path: string): boolean {
  return statsOf(path)?.isDirectory() ?? false;
}

export function isFile(path: string): boolean {
  return statsOf(path)?.isFile() ?? false;
}

/** Undefined where nothing is there, nor can be: a part of the path is a file. */
export function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOTDIR") return undefined;
    throw readError(error, path, "");
  }
}
