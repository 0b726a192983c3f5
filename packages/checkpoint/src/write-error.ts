/** What people see when a disk is full or a folder may not be written. */
import { statfsSync } from "node:fs";
import { dirname } from "node:path";

/**
 * @param what was being written, in words: "checkpoint of step 100".
 * @param bytes its whole size, where known.
 * @returns an Error of one line: what, where, how many bytes were needed, what to do.
 */
export function writeError(error: unknown, what: string, path: string, bytes?: number): Error {
  const code = (error as NodeJS.ErrnoException).code;
  const needed = bytes === undefined ? "" : ` (needs ${bytes} bytes)`;
  const subject = `${path}: cannot write ${what}${needed}`;
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return new Error(
        `${subject}: ${code === "ENOSPC" ? "the disk is full" : "the disk quota is used up"}${freeBytes(path)}; free space or choose another place, nothing that existed was changed`,
        { cause: error },
      );
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new Error(
        `${subject}: ${code === "EROFS" ? "the file system is read-only" : "permission denied"}; make it writable or choose another place`,
        { cause: error },
      );
    case "ENOTDIR":
      return new Error(`${subject}: a part of the path is a file; choose another place`, { cause: error });
    case "EFBIG":
      return new Error(
        `${subject}: the file would be larger than is allowed here; raise the limit (ulimit -f) or choose another place`,
        {
          cause: error,
        },
      );
    case undefined:
      return error instanceof Error ? error : new Error(String(error));
    default:
      return new Error(`${subject}: ${(error as Error).message.replace(/\s+/g, " ")}`, { cause: error });
  }
}

function freeBytes(path: string): string {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return ` (${bavail * bsize} bytes free)`;
  } catch {
    return "";
  }
}
