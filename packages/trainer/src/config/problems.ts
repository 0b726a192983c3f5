/** From zod's issues to lines that say what was given, what is allowed, and which key was probably meant. */
import type { z } from "zod";
import {
  allKeys,
  allowed,
  child,
  firstSentence,
  type KeyPath,
  nodeAt,
  rootNode,
  type SchemaNode,
  variantOf,
} from "./describe.js";
import { nearest, nearestKey } from "./nearest.js";
import type { ConfigProblem } from "./source.js";

type Issue = z.core.$ZodIssue;

/** @param root JSON Schema of the whole file; default: the run config's */
export function problemsOf(
  issues: readonly Issue[],
  input: unknown,
  root: SchemaNode = rootNode(),
): ConfigProblem[] {
  const problems = issues.flatMap((issue) => problemsOfOne(issue, input, root));
  return withoutRepeats(problems);
}

/** The value as people wrote it, shortened. */
export function show(value: unknown): string {
  if (typeof value === "number") return String(value); // NaN and Infinity too
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** " (did you mean x?)" or nothing. */
export function suggest(word: unknown, candidates: readonly string[]): string {
  const found = typeof word === "string" ? nearest(word, candidates) : undefined;
  return found === undefined ? "" : `; did you mean ${found}?`;
}

function problemsOfOne(issue: Issue, input: unknown, root: SchemaNode): ConfigProblem[] {
  const path = issue.path.filter((key) => typeof key !== "symbol");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(key, path, input, root) }));
  }
  if (issue.code === "invalid_key") {
    return [{ path, message: "a name starts with a letter and goes on with letters, digits, _ and -" }];
  }
  // each list item is described by its list: [1, 2, 3] gives one problem, not three
  const outer = isTupleItem(path, input, root) ? path.slice(0, -1) : path;
  return [{ path: outer, message: wrongValue(outer, input, root) }];
}

function wrongValue(path: KeyPath, input: unknown, root: SchemaNode): string {
  const node = nodeAt(path, input, root);
  const given = valueAt(input, path);
  if (given === undefined) return `missing; ${wanted(node)}`;
  if (given === "") return `empty; ${wanted(node)}`;
  const known = node?.enum?.map(String) ?? [];
  return `must be ${allowed(node)}; got ${given === null ? "nothing" : show(given)}${suggest(given, known)}`;
}

/** A text says little by its type; what it stands for is in its description. */
function wanted(node: SchemaNode | undefined): string {
  const isText = node?.type === "string" && node.enum === undefined && node.const === undefined;
  if (!isText || node.description === undefined) return `it must be ${allowed(node)}`;
  const sentence = firstSentence(node.description);
  return `give ${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`;
}

function unknownKey(key: string, parent: KeyPath, input: unknown, root: SchemaNode): string {
  const node = nodeAt(parent, input, root);
  const here = Object.keys(node?.properties ?? {});
  const variant = variantOf(parent, key, input, root);
  if (variant !== undefined) return `not a key of ${variant}; there are ${here.join(", ")}`;
  const everywhere = allKeys(root).filter((path) => !path.includes("*"));
  const meant = nearestKey(key, here, everywhere);
  if (meant !== undefined) return `unknown key; did you mean ${meant}?`;
  return `unknown key; there are ${here.join(", ")}`;
}

function isTupleItem(path: KeyPath, input: unknown, root: SchemaNode): boolean {
  if (typeof path[path.length - 1] !== "number") return false;
  return nodeAt(path.slice(0, -1), input, root)?.prefixItems !== undefined;
}

function valueAt(input: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>((value, key) => child(value, key), input);
}

function withoutRepeats(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const seen = new Set<string>();
  return problems.filter((problem) => {
    const key = `${problem.path.join(".")}\n${problem.message}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
