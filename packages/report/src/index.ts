/** @outright/report: one self-contained HTML page from the files that runs wrote. Imports no other room. */
export { type ReportFigure, type ReportOptions, type ReportResult, renderReport } from "./report.js";
export { parseResults, type Results, type ResultsColumn, type ResultsRow } from "./results.js";
export { type EvalRow, type Run, readRun, type StepRow } from "./run.js";
export { renderTheory } from "./theory/render.js";
