/** A zip of the CSV files, below whatever folder. */
import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { unzipSync } from "fflate";
import { csvName, readCsv } from "./csv.js";
import type { MmluSource } from "./questions.js";
import { ALL_SUBJECTS } from "./subjects.js";
import { zipChecksums } from "./zip-checksums.js";

/** Reads the whole archive (2 MiB) at once. @throws Error of one line where it is damaged or holds no subject */
export function openCsvZip(path: string): MmluSource {
  const files = unzip(path);
  const found = (name: string) => files.find((file) => file.name === name || file.name.endsWith(`/${name}`));
  const subjects = ALL_SUBJECTS.filter((subject) => found(csvName(subject, "test")) !== undefined);
  if (subjects.length === 0) {
    throw new Error(
      `${path}: holds no subject of MMLU; there must be files such as test/anatomy_test.csv in it`,
    );
  }
  return {
    place: path,
    subjects,
    async read(subject, split) {
      const name = csvName(subject, split);
      const file = found(name);
      if (file === undefined) {
        throw new Error(
          `${path}: has no file ${name}; fetch it again, or leave the subject out with --subjects`,
        );
      }
      return readCsv(file.bytes, `${path}: ${file.name}`);
    },
  };
}

interface ZippedFile {
  name: string;
  bytes: Uint8Array;
}

function unzip(path: string): ZippedFile[] {
  const archive = readFileSync(path);
  if (archive.byteLength === 0) throw new Error(`${path}: the file is empty; fetch it again`);
  let checksums: ReadonlyMap<string, number>;
  let files: ZippedFile[];
  try {
    checksums = zipChecksums(archive);
    const entries = unzipSync(archive, { filter: ({ name }) => name.endsWith(".csv") });
    files = Object.entries(entries).map(([name, bytes]) => ({ name, bytes }));
  } catch (error) {
    throw new Error(
      `${path}: is no zip, or it is damaged (${(error as Error).message.replace(/\s+/g, " ")}); fetch it again`,
    );
  }
  // fflate does not look at them
  for (const { name, bytes } of files) {
    if (checksums.get(name) !== crc32(bytes))
      throw new Error(`${path}: ${name} is damaged; fetch the zip again`);
  }
  return files;
}
