/** Config keys on the command line: `--steps 10`, `--objectives.sft.batch=8`. */
import { UsageError } from "./errors.js";

export interface SplitArguments {
  overrides: Record<string, string>;
  /** what is left for the command's own parser */
  rest: string[];
}

/**
 * Takes every `--key value` and `--key=value` that is none of the command's own options. Whether the key exists is
 * the config's to say: it knows its keys and can tell which one was probably meant.
 * @param own the command's options, e.g. ["--resume", "--json"]
 */
export function splitOverrides(
  args: readonly string[],
  own: readonly string[],
  command: string,
): SplitArguments {
  const overrides: Record<string, string> = {};
  const rest: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] as string;
    if (arg === "--") {
      rest.push(...args.slice(index));
      break;
    }
    const [flag = "", ...parts] = arg.split("=");
    if (!/^--[A-Za-z_]/.test(flag) || own.includes(flag)) {
      rest.push(arg);
      continue;
    }
    let value: string | undefined = parts.join("=");
    if (parts.length === 0) {
      index += 1;
      value = args[index];
      if (value === undefined || value.startsWith("--"))
        throw new UsageError(`${flag} needs a value`, command);
    }
    overrides[flag.slice(2)] = value;
  }
  return { overrides, rest };
}
