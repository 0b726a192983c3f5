/** What data sheets say of GPUs: dense bfloat16 products with float32 sums, in operations a second. */

/** The first that a name holds counts. NVIDIA's data sheets and white papers; without sparsity. */
const DENSE_BFLOAT16: readonly (readonly [string, number])[] = [
  ["H100 PCIe", 756e12],
  ["H100", 989.4e12],
  ["H200", 989.4e12],
  ["B200", 2250e12],
  ["A100", 312e12],
  ["L40S", 362e12],
  ["RTX 4090", 165.2e12],
  ["RTX 5090", 209.5e12],
];

/** @param gpu the name that the driver gives @returns undefined for one that is not in the list */
export function dataSheetPeak(gpu: string): number | undefined {
  return DENSE_BFLOAT16.find(([name]) => gpu.includes(name))?.[1];
}
