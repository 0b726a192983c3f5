import { readFileSync } from "node:fs";

/** Largest resident set this process ever had. Linux keeps it (VmHWM); elsewhere as getrusage tells it. */
export function peakRssBytes(): number {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    if (kilobytes !== undefined) return 1024 * Number(kilobytes);
  } catch {
    // not Linux
  }
  return 1024 * process.resourceUsage().maxRSS;
}
