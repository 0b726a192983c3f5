import { type AdapterDirectory, hashModelChain, openModelChain } from "@outright/checkpoint";
import type { Output } from "../terminal/output.js";

/**
 * A base that was named on the command line is taken, but where the adapter knows that it was trained on other weights
 * that is said: added to a model that holds it already, for one, it would count twice.
 */
export function noteOtherBase(adapter: AdapterDirectory, model: string, output: Output): void {
  if (adapter.baseHash === null || adapter.baseHash === hashModelChain(openModelChain(model))) return;
  output.err(`note: ${adapter.dir} was trained on other weights than those in ${model}\n`);
}
