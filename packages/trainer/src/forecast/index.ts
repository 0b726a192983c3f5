export { duration, forecastLine, type Measured, measuredLine, mebibytes, withSavings } from "./describe.js";
export type { Forecast, Part, Saving } from "./forecast.js";
export { type AnyObjectiveData, forecastOf, type PlanOptions, planRun } from "./plan.js";
