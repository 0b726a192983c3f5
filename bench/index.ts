/** @outright/bench: the benchmarks, as `outright bench` runs them. */
export type { BenchOptions } from "./lib/options.js";
export { writeTables } from "./lib/readme.js";
export type { ShapeName } from "./lib/shapes.js";
export { type BenchRequest, compareFiles, runBench } from "./main.js";
export { SUITES } from "./suites/index.js";
