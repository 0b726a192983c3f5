// A vitest reporter that writes one small JSON file: how many tests passed and failed, and which were skipped and why.
// (vitest's own json reporter leaves out the note of `context.skip("reason")`.)
import { existsSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

/** `it.skipIf(…)` carries no reason; where the large test data is absent, that is nearly always it. */
function unsaid() {
  const data = process.env.OUTRIGHT_TEST_DATA ?? join(process.cwd(), "..", "shared", "data");
  if (existsSync(data)) return "no reason given";
  return "the large test data is absent (OUTRIGHT_TEST_DATA names its folder)";
}

export default class SummaryReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const summary = { passed: 0, failed: unhandledErrors.length, skipped: [] };
    for (const module of modules) {
      const file = relative(process.cwd(), module.moduleId);
      // A file that could not be loaded, or whose hooks failed, has errors of its own besides its tests'.
      if (module.errors().length > 0) summary.failed += 1;
      for (const test of module.children.allTests()) {
        const { state, note } = test.result();
        if (state === "passed") summary.passed += 1;
        else if (state === "failed") summary.failed += 1;
        else {
          const reason = note ?? (test.options.mode === "todo" ? "to do" : unsaid());
          summary.skipped.push({ name: `${file} > ${test.fullName}`, reason });
        }
      }
    }
    const path = process.env.OUTRIGHT_VITEST_SUMMARY;
    if (path) writeFileSync(path, JSON.stringify(summary));
  }
}
