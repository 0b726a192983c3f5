/** The path from text to token ids. */
import { Report, type Suite } from "../lib/suite.js";

export const dataSuite: Suite = async ({ say }) => {
  const report = new Report("data", say);
  report.skip("data", "bench/data.ts is not there yet");
  return report.finish();
};
