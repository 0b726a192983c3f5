/** The directory of a run: config.yaml, metrics.jsonl, environment.json, checkpoints/step-N/, model/, adapter/, report.html. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { isLeftoverName, makeDirectory, recover, removeDirectory } from "./atomic.js";
import {
  CheckpointDamage,
  type CheckpointToSave,
  type LoadedCheckpoint,
  openCheckpoint,
  verifyCheckpoint,
  writeCheckpoint,
} from "./checkpoint.js";
import { isDirectory, statsOf } from "./read-error.js";
import { acquireLock, LOCK_FILE, refuseIfHeld, releaseLock } from "./run-lock.js";
import { writeError } from "./write-error.js";

/** Files and directories of a run within its directory. */
const RUN_NAMES = {
  config: "config.yaml",
  metrics: "metrics.jsonl",
  environment: "environment.json",
  checkpoints: "checkpoints",
  model: "model",
  adapter: "adapter",
  report: "report.html",
} as const;

export type RunPaths = Readonly<Record<keyof typeof RUN_NAMES, string>>;

export interface RunDirectoryOptions {
  /** Continue the run that the directory holds. Without it such a directory is refused. */
  resume?: boolean | undefined;
}

export interface LatestCheckpoint {
  /** Null where there is no sound one. */
  step: number | null;
  /** One line for each damaged checkpoint that was passed over. */
  notices: string[];
}

export class RunDirectory {
  readonly dir: string;
  readonly paths: RunPaths;
  /** True where the directory held no run when it was opened. */
  readonly isNew: boolean;
  readonly #verified = new Set<number>();
  readonly #damaged = new Set<number>();

  private constructor(dir: string, isNew: boolean) {
    this.dir = dir;
    this.isNew = isNew;
    this.paths = Object.fromEntries(
      Object.entries(RUN_NAMES).map(([key, name]) => [key, join(dir, name)]),
    ) as unknown as RunPaths;
  }

  /**
   * Creates the directory, or opens it to resume; locks it against other processes; ends what a killed process left.
   * To resume where there is nothing is to begin (`isNew` tells): a run may be killed before its first word.
   * @throws Error of one line where it holds another run (and `resume` is not set), is not empty and no run, is in use,
   *   or cannot be written. Nothing in it was then changed.
   */
  static open(dir: string, { resume = false }: RunDirectoryOptions = {}): RunDirectory {
    const lock = join(dir, LOCK_FILE);
    refuseIfHeld(lock);
    inspect(dir, resume);
    try {
      makeDirectory(dir);
    } catch (error) {
      throw writeError(error, "the run's directory", dir);
    }
    acquireLock(lock);
    try {
      recover(dir, { locked: true });
      recover(join(dir, RUN_NAMES.checkpoints), { locked: true });
      return new RunDirectory(dir, !inspect(dir, resume));
    } catch (error) {
      releaseLock(lock);
      throw error;
    }
  }

  /**
   * Writes checkpoints/step-N/, complete and flushed or not at all; then removes older ones beyond the newest `keep`,
   * and damaged ones that `latestCheckpoint` found.
   * @returns the checkpoint's directory.
   * @throws Error of one line where it cannot be written; earlier checkpoints are then as they were.
   */
  saveCheckpoint(step: number, checkpoint: CheckpointToSave, keep: number): string {
    if (!Number.isSafeInteger(keep) || keep < 1)
      throw new Error(`checkpoint.keep: ${keep} is not a whole number of 1 or more`);
    const dir = this.#checkpointPath(step);
    writeCheckpoint(dir, step, checkpoint);
    this.#damaged.delete(step);
    this.#verified.add(step);
    // A later checkpoint can only be of another course of this run; it is not counted, nor touched.
    const upToNow = this.checkpointSteps().filter((other) => other <= step && !this.#damaged.has(other));
    for (const old of [...upToNow.slice(0, -keep), ...this.#damaged]) {
      removeDirectory(this.#checkpointPath(old));
      this.#damaged.delete(old);
    }
    return dir;
  }

  /** Steps of all checkpoints, sound or not, ascending. */
  checkpointSteps(): number[] {
    if (!isDirectory(this.paths.checkpoints)) return [];
    const steps = readdirSync(this.paths.checkpoints).map((name) => /^step-(\d+)$/.exec(name)?.[1]);
    return steps.flatMap((digits) => (digits === undefined ? [] : [Number(digits)])).sort((a, b) => a - b);
  }

  /**
   * The newest checkpoint whose every byte is as it was written.
   * @throws Error of one line where one cannot be read for other reasons: no permission, another version.
   */
  latestCheckpoint(): LatestCheckpoint {
    const notices: string[] = [];
    for (const step of this.checkpointSteps().reverse()) {
      try {
        this.#verify(step);
        return { step, notices };
      } catch (error) {
        if (!(error instanceof CheckpointDamage)) throw error;
        this.#damaged.add(step);
        notices.push(error.message);
      }
    }
    return { step: null, notices };
  }

  /** @throws Error of one line where there is no such checkpoint or it is damaged. */
  loadCheckpoint(step: number): LoadedCheckpoint {
    this.#verify(step);
    return openCheckpoint(this.#checkpointPath(step), step);
  }

  #verify(step: number): void {
    if (this.#verified.has(step)) return;
    verifyCheckpoint(this.#checkpointPath(step), step);
    this.#verified.add(step);
  }

  #checkpointPath(step: number): string {
    return join(this.paths.checkpoints, `step-${step}`);
  }

  /** Gives the lock back. */
  close(): void {
    releaseLock(join(this.dir, LOCK_FILE));
  }
}

/** @returns whether the directory holds a run. */
function inspect(dir: string, resume: boolean): boolean {
  const stats = statsOf(dir);
  if (stats === undefined) return false;
  if (!stats.isDirectory()) throw new Error(`${dir}: is a file; choose another directory for out`);
  const names = readdirSync(dir).filter((name) => !name.startsWith(LOCK_FILE) && !isLeftoverName(name));
  const ours = Object.values(RUN_NAMES) as string[];
  const found = names.find((name) => ours.includes(name));
  if (found === undefined && names.length > 0) {
    throw new Error(
      `${dir}: is not empty ("${names[0]}") and holds no run; choose another directory for out`,
    );
  }
  if (found !== undefined && !resume) {
    throw new Error(
      `${dir}: holds another run already ("${found}"); continue it with --resume or choose another directory for out`,
    );
  }
  return found !== undefined;
}
