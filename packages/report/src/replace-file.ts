/** Files appear whole or not at all. */
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/**
 * Written beside and renamed, so that a reader never sees half a page. A run's directory knows such names: what a killed
 * process left goes when it is next opened.
 * @throws Error, one line, naming the file
 */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const partial = join(dirname(path), `.${basename(path)}.outright-tmp-${process.pid}`);
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(partial, content);
    await rename(partial, path);
  } catch (cause) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw new Error(
      `${path}: the report cannot be written (${(cause as NodeJS.ErrnoException).code ?? (cause as Error).message})`,
    );
  }
}
