// `npm run build`: the last two stages of the setup, the native addon and TypeScript.
import { buildNative, buildTypeScript } from "./lib/build.mjs";
import { printFailure } from "./lib/failure.mjs";
import { ensureToolchain } from "./lib/toolchain.mjs";

try {
  await buildNative(await ensureToolchain());
  await buildTypeScript();
} catch (error) {
  printFailure(error);
  process.exitCode = 1;
}
