/** Checks shared by the policies' `restore`. */
import type { PolicyState } from "./policy.js";

/** @throws Error where `state` was saved by a policy of another name. */
export function requireStateOf(name: string, state: PolicyState): void {
  if (state.name !== name) {
    throw new Error(
      `policy: the saved state is of policy ${JSON.stringify(state.name)}, this run has "${name}"; resume with the config the run began with`,
    );
  }
}
