// A dependency check is worth what it catches: each wrong arrow in fixtures/arrows must be found under its rule.
import { describe, expect, it } from "vitest";
import { ARROWS, manifestProblems } from "../lib/arrows.mjs";
import { cruise } from "../lib/checks.mjs";

const FIXTURES = "scripts/test/fixtures/arrows";

async function violations() {
  const { output } = await cruise([FIXTURES], { outputType: "json", log: "arrows-fixtures" });
  const { summary } = JSON.parse(output.slice(output.indexOf("{")));
  return summary.violations.map(({ rule, from }) => `${rule.name}: ${from.replace(`${FIXTURES}/`, "")}`);
}

describe("the dependency check", async () => {
  const found = await violations();

  it.each([
    ["arrows-of-models", "packages/models/src/upwards.ts", "an import against the arrow"],
    ["arrows-of-policies", "packages/policies/src/type-only.ts", "a type-only import"],
    ["arrows-of-policies", "packages/policies/src/type-expression.ts", "an import() type"],
    ["arrows-of-objectives", "packages/objectives/src/re-export.ts", "a re-exported type"],
    ["arrows-of-data", "packages/data/src/lazily.ts", "a dynamic import"],
    ["only-tensor-touches-the-addon", "packages/models/src/addon.ts", "the addon from elsewhere than tensor"],
    ["pure-packages", "packages/policies/src/files.ts", "I/O in a pure package"],
    ["packages-by-name", "packages/eval/src/by-path.ts", "a path into another package's src"],
    ["resolvable", "packages/eval/src/deep.ts", "a file of another package that it does not export"],
    ["examples-use-the-entry-point", "examples/one/src/inside.ts", "an example that reaches inside"],
    ["no-cycles", "packages/trainer/src/ring-a.ts", "a ring of imports"],
  ])("%s catches %s: %s", (rule, file) => {
    expect(found).toContain(`${rule}: ${file}`);
  });

  it("lets the right arrows and rings of types alone pass", () => {
    const right = [
      "packages/models/src/right.ts",
      "packages/trainer/src/type-ring-a.ts",
      "packages/trainer/src/type-ring-b.ts",
    ];
    for (const file of right) expect(found.filter((violation) => violation.endsWith(file))).toEqual([]);
  });
});

describe("the manifest check", () => {
  it("names a dependency against the arrows, and a package that is not in the table", () => {
    const manifests = {
      policies: { dependencies: { "@outright/tensor": "workspace:*" } },
      models: { dependencies: { "@outright/tensor": "workspace:*", yaml: "2.9.1" } },
      extra: {},
    };
    expect(manifestProblems(manifests)).toEqual([
      "packages/policies/package.json: @outright/policies may not depend on @outright/tensor",
      "packages/extra: not in the table of scripts/lib/arrows.mjs; say there what it may import",
    ]);
  });

  it("has a table without rings", () => {
    const reach = (name, path = []) => {
      expect(path).not.toContain(name);
      for (const next of ARROWS[name]) reach(next, [...path, name]);
    };
    for (const name of Object.keys(ARROWS)) reach(name);
  });
});
