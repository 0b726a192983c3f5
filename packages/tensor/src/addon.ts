/** Opens the native addon, once per thread. */
import { createRequire } from "node:module";
import type { BackendInfo, NativeAddon } from "./native.js";

const ABI_VERSION = 7;

let addon: NativeAddon | null = null;

/**
 * The native addon of this installation.
 * @throws when it has not been built, or was built for another version of this package
 */
export function nativeAddon(): NativeAddon {
  if (addon === null) {
    const opened = createRequire(import.meta.url)("@outright/native") as NativeAddon;
    if (opened.abiVersion !== ABI_VERSION) {
      throw new Error(
        `the native addon speaks version ${opened.abiVersion} of the interface, this package version ${ABI_VERSION}: build it again (npm run build)`,
      );
    }
    addon = opened;
  }
  return addon;
}

/** Every backend library that was found, with its score here, or the reason why it cannot run. */
export function listBackends(): BackendInfo[] {
  return nativeAddon().backends();
}
