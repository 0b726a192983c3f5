/** The quickstart's directory: whether it is ours, whether it was made with the same settings, and starting over. */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { RunDirectory, recover, writeFileAtomic } from "@outright/checkpoint";
import { METHODS, type QuickstartPaths, quickstartPaths, SINGLES } from "./plan.js";
import { type Settings, settingsThatDiffer } from "./settings.js";

const MARKER = "quickstart.json";

/**
 * Makes the directory, or opens the one that is there to go on with it.
 * @param fresh removes what a quickstart left there before
 * @throws Error of one line where it holds something else, or a quickstart with other settings; nothing was changed
 */
export function openDirectory(root: string, settings: Settings, fresh: boolean): QuickstartPaths {
  const paths = quickstartPaths(root);
  const marker = join(root, MARKER);
  const stats = statSync(root, { throwIfNoEntry: false });
  if (stats !== undefined && !stats.isDirectory())
    throw new Error(`${root}: is a file; choose a directory with --out`);
  if (stats !== undefined) recover(root, { only: MARKER });
  const names = stats === undefined ? [] : readdirSync(root);
  if (names.length > 0 && !names.includes(MARKER)) {
    throw new Error(
      `${root}: is not empty ("${names[0]}") and holds no quickstart; choose another directory with --out`,
    );
  }
  if (names.length > 0) {
    recover(root);
    if (!fresh) {
      refuseOthers(root, marker, settings);
      return paths;
    }
    clear(paths);
  }
  try {
    mkdirSync(root, { recursive: true });
  } catch (cause) {
    throw new Error(
      `${root}: cannot be made (${(cause as NodeJS.ErrnoException).code}); choose another directory with --out`,
    );
  }
  writeFileAtomic(marker, `${JSON.stringify(settings, null, 2)}\n`);
  return paths;
}

function refuseOthers(root: string, marker: string, settings: Settings): void {
  let there: unknown;
  try {
    there = JSON.parse(readFileSync(marker, "utf8"));
  } catch {
    throw new Error(
      `${marker}: cannot be read; add --fresh to start over there, or choose another directory with --out`,
    );
  }
  const differing = settingsThatDiffer(there, settings);
  if (differing.length === 0) return;
  // one of the seeds says it all
  const told = differing.includes("seed") ? "seed" : differing[0];
  const others = differing.length > 1 && told !== "seed" ? ` and ${differing.length - 1} more` : "";
  throw new Error(
    `${root}: holds a quickstart with other settings (${told}${others}); add --fresh to start over there, or choose another directory with --out`,
  );
}

/** Removes what a quickstart makes and nothing else. The marker stays: killed in between, it is still ours. */
function clear(paths: QuickstartPaths): void {
  const runs = [paths.base, ...[...Object.keys(SINGLES), ...METHODS].map((name) => join(paths.root, name))];
  for (const run of runs) {
    const isThere = statSync(join(run, "config.yaml"), { throwIfNoEntry: false }) !== undefined;
    // says so where another process is training there
    if (isThere) RunDirectory.open(run, { resume: true }).close();
  }
  const made = [paths.report, paths.results, paths.answers, paths.references, ...runs];
  for (const path of [...made, paths.world, paths.blank]) {
    try {
      rmSync(path, { recursive: true, force: true });
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      throw new Error(`${basename(path)} in ${paths.root} cannot be removed (${code ?? message})`);
    }
  }
}
