// The house's arrows: which package may import which. Read by .dependency-cruiser.mjs and by the manifest check.

/** package folder → the packages it may import. `outright` (packages/cli) may import all. */
export const ARROWS = {
  tensor: [],
  models: ["tensor"],
  objectives: ["tensor"],
  policies: [],
  theory: ["policies"],
  data: [],
  checkpoint: [],
  trainer: ["tensor", "models", "objectives", "policies", "data", "checkpoint"],
  eval: ["tensor", "models", "objectives", "policies", "data", "checkpoint", "trainer"],
  sweep: ["data", "checkpoint", "trainer"],
  report: [],
  cli: [
    "theory",
    "tensor",
    "models",
    "objectives",
    "policies",
    "data",
    "checkpoint",
    "trainer",
    "eval",
    "sweep",
    "report",
  ],
};

/** These know nothing of files, processes or devices: no built-in module of Node at all. */
export const PURE = ["objectives", "policies", "theory"];

/** The name under which a package is imported. */
export function packageName(folder) {
  return folder === "cli" ? "outright" : `@outright/${folder}`;
}

const folders = Object.keys(ARROWS);
const anyOf = (names) => `(?:${names.join("|")})`;

/** Matches an import of any of `names`, resolved to a file or left as a bare name where nothing is built yet. */
function importsOf(names) {
  const bare = names.map((name) => packageName(name));
  return `(?:^|/)packages/${anyOf(names)}/|^${anyOf(bare)}(?:/|$)`;
}

/** dependency-cruiser's rules, made from the table above. */
export function arrowRules() {
  const rules = folders.map((folder) => ({
    name: `arrows-of-${folder}`,
    comment: `${packageName(folder)} may import ${ARROWS[folder].map(packageName).join(", ") || "no package of this workspace"}`,
    severity: "error",
    from: { path: `(?:^|/)packages/${folder}/src/` },
    to: { path: importsOf(folders.filter((other) => other !== folder && !ARROWS[folder].includes(other))) },
  }));
  rules.push(
    {
      name: "only-tensor-touches-the-addon",
      comment: "the addon is reached through packages/tensor alone",
      severity: "error",
      from: { path: "(?:^|/)packages/(?!tensor/)[^/]+/src/" },
      to: { path: "^@outright/native|(?:^|/)native/" },
    },
    {
      name: "only-the-command-measures",
      comment: "benchmarks are run by the command; nothing that trains depends on them",
      severity: "error",
      from: { path: "(?:^|/)packages/(?!cli/)[^/]+/src/" },
      to: { path: "^@outright/bench|(?:^|/)bench/" },
    },
    {
      name: "pure-packages",
      comment: "policies and objectives do no I/O: no module of Node itself",
      severity: "error",
      from: { path: `(?:^|/)packages/${anyOf(PURE)}/src/` },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "packages-by-name",
      comment: "another package is imported by its name, never by a path into its folder",
      severity: "error",
      from: { path: "(?:^|/)packages/([^/]+)/" },
      to: { path: "(?:^|/)packages/(?!$1/)[^/]+/", dependencyTypes: ["local"] },
    },
    {
      name: "packages-by-name-from-outside",
      comment:
        "tests, examples and benchmarks import packages by name too (the helpers in a package's tests are free)",
      severity: "error",
      from: { path: "(?:^|/)(?:test|examples|bench)/", pathNot: "(?:^|/)packages/|(?:^|/)scripts/" },
      to: { path: "(?:^|/)packages/[^/]+/(?!test/)", dependencyTypes: ["local"] },
    },
    {
      name: "examples-use-the-entry-point",
      comment: "examples import what a user imports: outright",
      severity: "error",
      from: { path: "(?:^|/)examples/" },
      to: { path: importsOf(folders.filter((folder) => folder !== "cli")) },
    },
    {
      name: "resolvable",
      comment:
        "not found: not declared, not built, or a file that the package does not export (a deep import)",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: "no-cycles",
      comment:
        "files that need one another at run time cannot be read or loaded alone (types alone may refer back)",
      severity: "error",
      from: { path: "(?:^|/)packages/[^/]+/src/" },
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only", "type-import"] } },
    },
    {
      name: "declared",
      comment: "what a package's source imports stands in its own package.json under dependencies",
      severity: "error",
      from: { path: "(?:^|/)packages/[^/]+/src/" },
      to: { dependencyTypes: ["npm-no-pkg", "npm-dev"] },
    },
  );
  return rules;
}

/**
 * The arrows as the manifests state them: a wrong `dependencies` entry is found even before anyone imports it.
 * @param {Record<string, { dependencies?: Record<string, string> }>} manifests package folder → its package.json
 * @returns {string[]} one line per wrong entry
 */
export function manifestProblems(manifests) {
  const problems = [];
  for (const [folder, manifest] of Object.entries(manifests)) {
    const allowed = ARROWS[folder]?.map(packageName);
    if (!allowed) {
      problems.push(
        `packages/${folder}: not in the table of scripts/lib/arrows.mjs; say there what it may import`,
      );
      continue;
    }
    if (folder === "tensor") allowed.push("@outright/native");
    if (folder === "cli") allowed.push("@outright/bench"); // a package beside packages/: `outright bench` runs it
    for (const name of Object.keys(manifest.dependencies ?? {})) {
      const ours = name === "outright" || name.startsWith("@outright/");
      if (ours && !allowed.includes(name)) {
        problems.push(`packages/${folder}/package.json: ${packageName(folder)} may not depend on ${name}`);
      }
    }
  }
  return problems;
}
