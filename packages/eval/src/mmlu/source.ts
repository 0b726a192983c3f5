/** Where questions come from: a folder, a zip, or the hub. */
import { statSync } from "node:fs";
import { openCsvFolder } from "./csv-folder.js";
import { openCsvZip } from "./csv-zip.js";
import { type HubOptions, openHub } from "./hub.js";
import type { MmluSource } from "./questions.js";

/**
 * @param data a folder with dev/ and test/, or a zip of it; undefined: the hub
 * @throws Error of one line where nothing of the kind is there
 */
export function openMmlu(data: string | undefined, hub: HubOptions): MmluSource {
  if (data === undefined) return openHub(hub);
  const stats = statSync(data, { throwIfNoEntry: false });
  if (stats === undefined) {
    throw new Error(
      `${data}: there is no such folder or file; without --data the questions come from the hub`,
    );
  }
  return stats.isDirectory() ? openCsvFolder(data) : openCsvZip(data);
}
