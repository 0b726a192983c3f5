/** All suites by name, in the order in which they run. */
import type { Suite } from "../lib/suite.js";
import { stepSuite } from "./step.js";

export const SUITES: Readonly<Record<string, Suite>> = {
  step: stepSuite,
};
