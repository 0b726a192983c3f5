/** @outright/report: one self-contained HTML page from the files that runs or sweeps wrote, and its figures as files. Imports no other room. */
export { svgToPng } from "./export/png.js";
export { standaloneSvg } from "./export/svg-file.js";
export { type ReportFigure, type ReportOptions, type ReportResult, renderReport } from "./report.js";
export { parseResults, type Results, type ResultsColumn, type ResultsRow } from "./results.js";
export { type EvalRow, type Run, readRun, type StepRow } from "./run.js";
export { isSweep } from "./sweep/read.js";
export { renderSweepReport, type SweepReportOptions } from "./sweep-report.js";
export { renderTheory } from "./theory/render.js";
