import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: [
      "packages/*/test/**/*.test.ts",
      "bench/test/**/*.test.ts",
      "examples/*/test/**/*.test.ts",
      "test/**/*.test.ts",
      "scripts/test/**/*.test.mjs",
    ],
    exclude: ["**/node_modules/**", "**/dist/**", "test/goldens/**"],
    // Tests run what users run: the built packages as Node loads them, not a transformed copy.
    server: { deps: { external: [/\/packages\/[^/]+\/dist\//, /\/bench\/dist\//, /\/native\//] } },
    // Kernels use all cores by themselves; more files at once would only slow one another down.
    maxWorkers: 2,
    // Against tests that hang; a busy machine may take many times as long as an idle one.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
