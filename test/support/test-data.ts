/** The large test data, which the repository does not hold: real data sets, tokenizers and a trained model. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

/** Its folder: OUTRIGHT_TEST_DATA, or `../shared/data` beside the repository. */
const folder = process.env.OUTRIGHT_TEST_DATA ?? resolve(import.meta.dirname, "../../../shared/data");

export const testData = (path: string): string => join(folder, path);

/** Why a test that needs these files is skipped; undefined where all are there. */
export function missingData(...paths: string[]): string | undefined {
  const missing = paths.find((path) => !existsSync(testData(path)));
  if (missing === undefined) return undefined;
  return `needs the large test data: ${missing} (OUTRIGHT_TEST_DATA names its folder)`;
}
