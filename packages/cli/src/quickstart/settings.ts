/** Everything that decides the numbers of a quickstart. Kept beside its results, so that none are mixed up. */
import { BASE_SHAPE, type BaseShape } from "../blank-model/blank-model.js";
import { BUDGET, type Budget } from "./plan.js";
import { WORLD_DEFAULTS, type WorldOptions } from "./world.js";

export interface Settings {
  version: 1;
  /** of the base model and of every run; the world has the same */
  seed: number;
  world: WorldOptions;
  /** entries of the tokenizer */
  vocabulary: number;
  shape: BaseShape;
  budget: Budget;
  /** most tokens of a generated answer */
  answerTokens: number;
}

export function settingsFor({ seed, fast }: { seed: number; fast: boolean }): Settings {
  const world = { ...WORLD_DEFAULTS, seed };
  const usual: Settings = {
    version: 1,
    seed,
    world,
    vocabulary: 512,
    shape: BASE_SHAPE,
    budget: BUDGET,
    answerTokens: 24,
  };
  return fast ? { ...usual, ...fastOnes(world) } : usual;
}

/** The same way through everything in a few seconds, for tests: the numbers mean nothing. */
function fastOnes(world: WorldOptions): Partial<Settings> {
  return {
    world: { ...world, documents: 300, rows: 160, pairs: 160, asked: { allowed: 10, forbidden: 10 } },
    vocabulary: 320,
    shape: { ...BASE_SHAPE, hidden: 32, layers: 2, heads: 2, intermediate: 64 },
    budget: {
      ...BUDGET,
      baseSteps: 30,
      baseBatch: 8,
      steps: 20,
      sftBatch: 4,
      dpoBatch: 4,
      schedule: { name: "constant", warmup: 2 },
      evaluateEvery: 5,
      checkpointEvery: 5,
    },
    answerTokens: 12,
  };
}

/** Dotted names of the settings in which two differ. */
export function settingsThatDiffer(a: unknown, b: unknown, path = ""): string[] {
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null;
  if (!isObject(a) || !isObject(b)) return Object.is(a, b) ? [] : [path];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) =>
    settingsThatDiffer(a[key], b[key], path === "" ? key : `${path}.${key}`),
  );
}
