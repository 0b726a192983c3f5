/** The quickstart: a world, a base model and the methods compared on it, with nothing downloaded. */
export * from "../blank-model/blank-model.js";
export { trainTokenizer, writeTokenizer } from "../blank-model/tokenizer-maker.js";
export type { Measured } from "./findings.js";
export { type Grade, gradeAll, gradeAnswer, type Marks } from "./grade.js";
export * from "./plan.js";
export { type QuickstartOptions, runQuickstart } from "./quickstart.js";
export { makeResults, optimum, printTable, type Results } from "./table.js";
export { makeWorld, type Question, type World, type WorldOptions } from "./world.js";
export { allTexts, writeWorld } from "./world-files.js";
