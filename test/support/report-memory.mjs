// Loaded by `node --import`: at its end the process writes its largest resident memory, in bytes, into the file that
// OUTRIGHT_TEST_MEMORY names.
import { writeFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

if (isMainThread) {
  process.on("exit", () => {
    // Node gives KiB
    writeFileSync(process.env.OUTRIGHT_TEST_MEMORY, String(process.resourceUsage().maxRSS * 1024));
  });
}
