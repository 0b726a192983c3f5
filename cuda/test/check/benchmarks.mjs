// What cuda/check.sh measures, and what it makes of the results.

/** Names, and arguments of `outright bench`. What is to be reached stands in the results, where this GPU has goals. */
export const BENCHMARKS = [
  ["kernels", ["head", "attention", "rows", "--shape", "8b", "--steps", "5"]],
  ["SFT steps", ["step", "--shape", "1b", "--kind", "sft", "--steps", "5", "--no-peer"]],
  ["DPO steps", ["step", "--shape", "1b", "--kind", "dpo", "--steps", "5", "--micro-batch", "32", "--trl"]],
  ["savings of DPO", ["ladder", "--shape", "1b", "--steps", "4"]],
];

/** Every entry with a goal, and whether it was reached. */
export function judged(suites) {
  return suites
    .flatMap(({ entries }) => entries)
    .filter(({ goal }) => goal !== undefined)
    .map(({ name, unit, goal: { atLeast, atMost }, value: { median } }) => {
      const reached = atLeast === undefined ? median <= atMost : median >= atLeast;
      const wanted = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
      return {
        name,
        status: reached ? "passed" : "failed",
        text: `${median} ${unit}, ${wanted} wanted`,
      };
    });
}
