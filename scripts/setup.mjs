// `npm run setup`: makes a fresh clone ready (package manager, packages, compiler, addon, TypeScript).
import { printFailure } from "./lib/failure.mjs";
import { setup } from "./lib/setup.mjs";

try {
  await setup();
} catch (error) {
  printFailure(error);
  process.exitCode = 1;
}
