// The tests proper: the operation test in C++ and everything in vitest. A stage gives
// { status, text, passed, failed, skipped: { name, reason }[] }; its output has been shown line by line already.
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { indent, print } from "./console.mjs";
import { bin, LOGS, ROOT } from "./paths.mjs";
import { run } from "./run.mjs";

/** `12 passed, 0 failed, 1 skipped`, alone on a line; the skipped part may be absent. */
export const COUNTS = /^\s*(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$/;

/** The last line of that form in `output`, as numbers. */
export function lastCounts(output) {
  const match = output
    .split("\n")
    .map((text) => COUNTS.exec(text))
    .filter((found) => found !== null)
    .at(-1);
  return match && { passed: Number(match[1]), failed: Number(match[2]), skipped: Number(match[3] ?? 0) };
}

/** `SKIPPED name: reason` lines, as the native test prints them. */
export function skippedLines(output) {
  return output
    .split("\n")
    .map((text) => /^\s*SKIPPED:?\s+(.*?)(?::\s+(.*))?$/.exec(text))
    .filter((found) => found !== null)
    .map((found) => ({ name: found[1], reason: found[2] ?? "no reason given" }));
}

function verdict(code, counts, skipped, what) {
  const unnamed = Math.max(0, counts.skipped - skipped.length);
  for (let i = 0; i < unnamed; i++) skipped.push({ name: what, reason: "not said" });
  const text = `${counts.passed} passed, ${counts.failed} failed, ${skipped.length} skipped`;
  const failed = Math.max(counts.failed, code === 0 ? 0 : 1); // a crash counts even if every test before it passed
  return { status: failed > 0 ? "failed" : "passed", text, passed: counts.passed, failed, skipped };
}

async function native(args, log, say) {
  const script = join(ROOT, "scripts", "native-test.mjs");
  if (!existsSync(script))
    return {
      status: "failed",
      text: "scripts/native-test.mjs is missing",
      passed: 0,
      failed: 1,
      skipped: [],
    };
  if ((await run("cmake", ["--version"])).code !== 0) {
    const skipped = [{ name: log, reason: "the operation test is built by cmake, which is not installed" }];
    return { status: "skipped", text: "no cmake", passed: 0, failed: 0, skipped };
  }
  const onLine = (text) => {
    if (text.trim() !== "" && !COUNTS.test(text)) say(text);
  };
  const result = await run(process.execPath, [script, ...args], { log, onLine });
  const counts = lastCounts(result.output);
  if (!counts)
    return {
      status: "failed",
      text: "gave no result",
      passed: 0,
      failed: 1,
      skipped: [],
    };
  const skipped = skippedLines(result.output).map((entry) => ({ ...entry, name: `${log} ${entry.name}` }));
  return verdict(result.code, counts, skipped, log);
}

/** Every backend variant against the float64 oracles. */
export const nativeTest = (say) => native([], "native", say);
/** The same under AddressSanitizer and UndefinedBehaviorSanitizer. */
export const sanitizeTest = (say) => native(["--sanitize"], "sanitize", say);

/** All TypeScript tests; `filters` go to vitest as they are (file names, -t pattern). */
export async function vitest(say, filters = []) {
  mkdirSync(LOGS, { recursive: true });
  const summary = join(LOGS, "vitest-summary.json");
  rmSync(summary, { force: true });
  const reporter = join(ROOT, "scripts", "lib", "vitest-reporter.mjs");
  const args = ["run", "--reporter=default", `--reporter=${reporter}`, ...filters];
  const env = { OUTRIGHT_VITEST_SUMMARY: summary, NO_COLOR: "1" };
  const result = await run(bin("vitest"), args, {
    log: "vitest",
    env,
    onLine: (text) => text.trim() !== "" && say(text),
  });
  if (!existsSync(summary)) {
    return {
      status: "failed",
      text: "vitest ended without a result",
      passed: 0,
      failed: 1,
      skipped: [],
    };
  }
  const found = JSON.parse(readFileSync(summary, "utf8"));
  const counts = { passed: found.passed, failed: found.failed, skipped: found.skipped.length };
  return verdict(result.code, counts, found.skipped, "vitest");
}

export const TESTS = [
  { name: "native", work: nativeTest },
  { name: "sanitize", work: sanitizeTest },
  { name: "vitest", work: vitest },
];

/** A stage's own lines, set off from ours. */
export const sayIndented = (text) => print(indent(text));
