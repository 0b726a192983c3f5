/** Whether a process is still there, and whether it is the same one. */
import { readFileSync } from "node:fs";

/** False where no process of that id runs, or only its exit status waits to be read. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false; // EPERM: it runs, and is another user's
  }
  const state = procStat(pid)?.[0];
  return state !== "Z" && state !== "X";
}

/**
 * A text that no other process of the same id ever has, on Linux: its start in clock ticks since boot, and the boot.
 * Elsewhere "" (a reused id then looks like the same process).
 */
export function processStart(pid: number): string {
  const start = procStat(pid)?.[19];
  if (start === undefined) return "";
  return `${start}@${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()}`;
}

/** Fields of /proc/PID/stat from the third (state) on; those before may hold spaces. */
function procStat(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}
