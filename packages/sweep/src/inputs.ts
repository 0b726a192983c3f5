/** What a sweep's runs are made from, by content: a file that changes halfway would make two sweeps of one. */
import { hashModelChain, openModelChain } from "@outright/checkpoint";
import { hashFile } from "@outright/data";
import type { RunConfig } from "@outright/trainer";

/** Hash of each input, by what it is. */
export async function hashInputs(config: RunConfig): Promise<Record<string, string>> {
  const hashes: Record<string, string> = { model: hashModelChain(openModelChain(config.model)) };
  for (const [name, objective] of Object.entries(config.objectives)) {
    hashes[`data of ${name}`] = await hashFile(objective.data);
    if (objective.heldout !== undefined)
      hashes[`held-out data of ${name}`] = await hashFile(objective.heldout);
    const reference = objective.kind === "dpo" ? (objective.reference ?? "initial") : "initial";
    if (reference !== "initial") hashes[`reference of ${name}`] = hashModelChain(openModelChain(reference));
  }
  return hashes;
}

/** What changed: names of inputs that differ. */
export function changedInputs(before: Record<string, string>, now: Record<string, string>): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(now)])].filter(
    (name) => before[name] !== now[name],
  );
}
