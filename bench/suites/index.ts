/** All suites by name, in the order in which they run. */
import type { Suite } from "../lib/suite.js";
import { attentionSuite } from "./attention.js";
import { dataSuite } from "./data.js";
import { generateSuite } from "./generate.js";
import { headSuite } from "./head.js";
import { ladderSuite } from "./ladder.js";
import { memorySuite } from "./memory.js";
import { opsSuite } from "./ops.js";
import { overheadSuite } from "./overhead.js";
import { rowsSuite } from "./rows.js";
import { stepSuite } from "./step.js";

export const SUITES: Readonly<Record<string, Suite>> = {
  ops: opsSuite,
  head: headSuite,
  attention: attentionSuite,
  rows: rowsSuite,
  step: stepSuite,
  ladder: ladderSuite,
  overhead: overheadSuite,
  generate: generateSuite,
  memory: memorySuite,
  data: dataSuite,
};
