/** How many threads each of several runs at the same time has. */
import { availableParallelism } from "node:os";

/** @param threads of the run config; 0 = all there are */
export function threadsOf(threads: number, jobs: number): number {
  return Math.max(1, Math.floor((threads === 0 ? availableParallelism() : threads) / jobs));
}
