/** A folder with dev/ and test/ of CSV files. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { csvName, readCsv } from "./csv.js";
import type { MmluSource } from "./questions.js";
import { ALL_SUBJECTS } from "./subjects.js";

/** @throws Error of one line where the folder holds no subject */
export function openCsvFolder(folder: string): MmluSource {
  // unpacked, the data set's archive has all below data/
  const root = [folder, join(folder, "data")].find((path) => existsSync(join(path, "test"))) ?? folder;
  const subjects = ALL_SUBJECTS.filter((subject) => existsSync(join(root, csvName(subject, "test"))));
  if (subjects.length === 0) {
    throw new Error(
      `${folder}: holds no subject of MMLU; there must be files such as test/anatomy_test.csv in it`,
    );
  }
  return {
    place: folder,
    subjects,
    async read(subject, split) {
      const path = join(root, csvName(subject, split));
      return readCsv(await readBytes(path), path);
    },
  };
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") {
      throw new Error(
        `${path}: there is no such file; put it there, or leave the subject out with --subjects`,
      );
    }
    if (code === "EACCES") throw new Error(`${path}: may not be read (permission denied)`);
    throw new Error(`${path}: cannot be read: ${message.replace(/\s+/g, " ")}`);
  }
}
