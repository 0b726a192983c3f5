/** How many tokens a micro-batch may hold where the config says "auto". */
const AUTO_TOKENS = 2048;

export function microBatchTokens(setting: number | "auto"): number {
  return setting === "auto" ? AUTO_TOKENS : setting;
}
