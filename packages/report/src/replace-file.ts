/** Files that readers see whole or not at all. */
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/**
 * Written beside and renamed, so that a reader never sees half a page. A run's directory knows such names: what a killed
 * process left goes when it is next opened.
 * @throws Error, one line, where it cannot be written
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const partial = join(dirname(path), `.${basename(path)}.outright-tmp-${process.pid}`);
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(partial, text);
    await rename(partial, path);
  } catch (cause) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw new Error(
      `${path}: the report cannot be written (${(cause as NodeJS.ErrnoException).code ?? (cause as Error).message})`,
    );
  }
}
