/** `outright report` */
import { join } from "node:path";
import { renderReport } from "@outright/report";
import { formatBytes } from "../terminal/format.js";
import type { Output } from "../terminal/output.js";

export async function reportCommand(
  runs: string[],
  flags: { out?: string; title?: string },
  output: Output,
): Promise<void> {
  const out = flags.out ?? (runs.length === 1 ? join(runs[0] as string, "report.html") : "report.html");
  const report = await renderReport({
    runs,
    out,
    ...(flags.title === undefined ? {} : { title: flags.title }),
  });
  for (const warning of report.warnings) output.err(`warning: ${warning}\n`);
  output.out(`${report.path} (${formatBytes(report.bytes)})\n`);
}
