// What cuda/check.sh measures, and what it makes of the results.

/** Attention by products of warpgroups, which GPUs of compute capability 9.0 have. */
export const WARPGROUP = { OUTRIGHT_CUDA_ATTENTION: "warpgroup" };

/**
 * Names, and arguments of `outright bench`; where a third is there, what is to be asked for in the environment. What is to be
 * reached stands in the results, where this GPU has goals.
 */
export const BENCHMARKS = [
  ["kernels", ["head", "attention", "rows", "--shape", "8b", "--steps", "5"]],
  ["attention by warpgroups", ["attention", "--shape", "8b", "--steps", "5"], WARPGROUP],
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
