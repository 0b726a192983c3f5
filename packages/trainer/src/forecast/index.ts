export { duration, forecastLine, type Measured, measuredLine, mebibytes, withSavings } from "./describe.js";
export { type Forecast, type ForecastContext, forecastRun, type Part, type Saving } from "./forecast.js";
export { planRun, sampleOf, sampleOfRows } from "./plan.js";
export type { ObjectiveSample } from "./simulate.js";
