/** `outright report` */
import { dirname, join } from "node:path";
import { isSweep, renderReport, renderSweepReport } from "@outright/report";
import { formatBytes } from "../terminal/format.js";
import type { Output } from "../terminal/output.js";

export interface ReportFlags {
  out?: string;
  figures?: string;
  title?: string;
}

/** @throws Error, one line: a sweep among others, or what the report itself says of its files */
export async function reportCommand(dirs: string[], flags: ReportFlags, output: Output): Promise<void> {
  const sweep = await sweepAmong(dirs);
  if (sweep !== undefined && dirs.length > 1)
    throw new Error(
      `${sweep}: a sweep has a page of its own; give its directory alone, or directories of runs below ${join(sweep, "runs")}`,
    );
  const report =
    sweep === undefined
      ? await renderReport({
          ...flags,
          runs: dirs,
          out: flags.out ?? (dirs.length === 1 ? join(dirs[0] as string, "report.html") : "report.html"),
        })
      : await renderSweepReport({ ...flags, dir: sweep });
  for (const warning of report.warnings) output.err(`warning: ${warning}\n`);
  output.out(`${report.path} (${formatBytes(report.bytes)})\n`);
  if (report.files.length > 0)
    output.out(`${dirname(report.files[0] as string)} (${report.files.length} files: SVG, PNG, CSV)\n`);
}

async function sweepAmong(dirs: string[]): Promise<string | undefined> {
  for (const dir of dirs) if (await isSweep(dir)) return dir;
  return undefined;
}
