// Keeps the arrows of scripts/lib/arrows.mjs. Type-only imports count as arrows too; dependency-cruiser sees them
// through the compiler API of its own TypeScript 6 (pnpm-workspace.yaml), since TypeScript 7 has none.
import { arrowRules } from "./scripts/lib/arrows.mjs";

export default {
  forbidden: arrowRules(),
  options: {
    parser: "tsc",
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules|(?:^|/)dist/|(?:^|/)native/" },
    exclude: { path: "(?:^|/)goldens/" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["types", "import", "default"] },
  },
};
