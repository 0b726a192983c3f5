/** Quality margins of a preference objective's rows, where its loss reads them. */
import { basename } from "node:path";
import { type PairExample, type ReadProgress, readMargins } from "@outright/data";
import type { DpoObjectiveConfig } from "./config/index.js";
import type { ObjectiveData } from "./objective-data.js";

/** By row: of the training file, and of the held-out one. */
export interface Margins {
  train: Float64Array;
  held: Float64Array;
}

/**
 * All rows are looked at before the first step, so that one without a margin ends the run there.
 * @param progress told bytes done; may throw to stop
 * @throws one line naming file and row
 */
export async function loadMargins(
  { loss }: DpoObjectiveConfig,
  { train, held }: ObjectiveData<PairExample>,
  progress: (stage: string, done: number, total: number) => void,
): Promise<Margins | null> {
  if (loss !== "mmpo") return null;
  const read = ({ path }: { path: string }) => {
    const onProgress: ReadProgress = ({ bytes, totalBytes }) =>
      progress(`reading margins of ${basename(path)}`, bytes, totalBytes);
    return readMargins(path, { onProgress });
  };
  const margins = await read(train);
  return { train: margins, held: held === train ? margins : await read(held) };
}
