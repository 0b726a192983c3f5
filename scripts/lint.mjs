// `npm run lint`: every check of `npm test` that is not a test. `npm run lint -- arrows types` runs only these.
import { CHECKS } from "./lib/checks.mjs";
import { indent, line, print, withProgress } from "./lib/console.mjs";

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !CHECKS.some((check) => check.name === name));
if (unknown !== undefined) {
  print(`there is no check "${unknown}"; the checks are ${CHECKS.map((check) => check.name).join(", ")}`);
  process.exit(2);
}
for (const { name, work } of CHECKS.filter((check) => asked.length === 0 || asked.includes(check.name))) {
  const started = performance.now();
  const { status, text, reason, output } = await withProgress(name, "checking", work);
  const mark = { passed: "done", failed: "failed", skipped: "skipped" }[status];
  line(mark, name, status === "skipped" ? `SKIPPED: ${reason}` : text, (performance.now() - started) / 1000);
  if (status === "failed") {
    process.exitCode = 1;
    if (output) print(indent(output.trimEnd()));
  }
}
