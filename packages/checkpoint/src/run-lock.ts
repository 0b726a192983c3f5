/**
 * A lock against two processes in one run directory: a file that names its holder. It is linked into place complete,
 * so it is never seen empty. A dead holder's lock is taken over.
 */
import { linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { makeDirectory } from "./atomic.js";
import { isJsonObject, type JsonValue } from "./json.js";
import { isAlive, processStart } from "./process.js";
import { writeError } from "./write-error.js";

export const LOCK_FILE = ".lock";

interface Holder {
  pid: number;
  /** Tells the process from a later one of the same id. */
  start: string;
  host: string;
  /** For people. */
  since: string;
}

/** @throws Error of one line where a living process holds it. */
export function refuseIfHeld(lock: string): void {
  const holder = readHolder(lock);
  if (holder !== null && isHeld(holder)) throw inUse(lock, holder);
}

/** @throws Error of one line where a living process holds it, or it cannot be written. */
export function acquireLock(lock: string): void {
  const mine: Holder = {
    pid: process.pid,
    start: processStart(process.pid),
    host: hostname(),
    since: new Date().toISOString(),
  };
  const temporary = `${lock}.new-${process.pid}`;
  try {
    writeFileSync(temporary, `${JSON.stringify(mine)}\n`);
    sweep(lock);
    while (!linkExclusively(temporary, lock)) {
      refuseIfHeld(lock);
      removeStale(lock);
    }
  } catch (error) {
    throw writeError(error, "the run's lock", lock);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/**
 * Creates a directory of results where it is absent and locks it against other processes.
 * @returns gives the lock back.
 * @throws Error of one line where a living process has it, or it cannot be made.
 */
export function lockDirectory(dir: string): () => void {
  const lock = join(dir, LOCK_FILE);
  try {
    makeDirectory(dir);
  } catch (error) {
    throw writeError(error, "the directory", dir);
  }
  acquireLock(lock);
  return () => releaseLock(lock);
}

/** Removes what processes left that died while they took the lock. */
function sweep(lock: string): void {
  for (const name of readdirSync(dirname(lock))) {
    const owner = /^\.lock\.(?:new|stale)-(\d+)$/.exec(name)?.[1];
    if (owner !== undefined && !isAlive(Number(owner))) rmSync(join(dirname(lock), name), { force: true });
  }
}

export function releaseLock(lock: string): void {
  const holder = readHolder(lock);
  if (holder?.pid === process.pid && holder.host === hostname()) rmSync(lock, { force: true });
}

function linkExclusively(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Another process may do the same, so what was taken away is looked at again and put back if it is alive. */
function removeStale(lock: string): void {
  const aside = `${lock}.stale-${process.pid}`;
  try {
    renameSync(lock, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const taken = readHolder(aside);
  try {
    if (taken !== null && isHeld(taken)) {
      linkExclusively(aside, lock);
      throw inUse(lock, taken);
    }
  } finally {
    rmSync(aside, { force: true });
  }
}

/** Null where there is no lock or it is unreadable, as after a power cut. */
function readHolder(lock: string): Holder | null {
  try {
    const value: JsonValue = JSON.parse(readFileSync(lock, "utf8"));
    if (!isJsonObject(value)) return null;
    const { pid, start, host, since } = value;
    if (typeof pid !== "number" || typeof start !== "string" || typeof host !== "string") return null;
    return { pid, start, host, since: String(since) };
  } catch {
    return null;
  }
}

function isHeld({ pid, start, host }: Holder): boolean {
  if (host !== hostname()) return true; // a process of another machine cannot be looked up
  return isAlive(pid) && processStart(pid) === start;
}

function inUse(lock: string, { pid, host, since }: Holder): Error {
  const elsewhere = host === hostname() ? "" : ` on ${host}`;
  const remedy =
    elsewhere === ""
      ? "wait for it or stop it"
      : `wait for it, or remove ${join(dirname(lock), LOCK_FILE)} if it is gone`;
  return new Error(`${dirname(lock)}: is in use by process ${pid}${elsewhere} since ${since}; ${remedy}`);
}
