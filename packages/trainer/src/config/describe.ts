/** Looks into the config's JSON Schema for error texts: what is allowed at a path, and which keys there are. */
import { configJsonSchema } from "./schema.js";

export type KeyPath = readonly (string | number)[];

/** The part of JSON Schema that zod writes for the config. */
export interface SchemaNode {
  type?: string;
  const?: unknown;
  enum?: unknown[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  minItems?: number;
  description?: string;
  default?: unknown;
  properties?: Record<string, SchemaNode>;
  required?: string[];
  additionalProperties?: SchemaNode | boolean;
  prefixItems?: SchemaNode[];
  items?: SchemaNode;
  anyOf?: SchemaNode[];
  oneOf?: SchemaNode[];
}

let cached: SchemaNode | undefined;
export function rootNode(): SchemaNode {
  cached ??= configJsonSchema() as SchemaNode;
  return cached;
}

/** The schema of the value at `path`; `input` decides between the variants of objectives and policies. */
export function nodeAt(path: KeyPath, input: unknown, root: SchemaNode = rootNode()): SchemaNode | undefined {
  let node: SchemaNode | undefined = pickVariant(root, input);
  let value = input;
  for (const key of path) {
    if (node === undefined) return undefined;
    value = child(value, key);
    node = pickVariant(childNode(node, key), value);
  }
  return node;
}

/**
 * Where `key` is a key of another variant of the union at `path`: the name of the variant that was chosen,
 * e.g. "mix" for `every` in a policy mix.
 */
export function variantOf(
  path: KeyPath,
  key: string,
  input: unknown,
  root: SchemaNode = rootNode(),
): string | undefined {
  const union = nodeAt(path.slice(0, -1), input, root);
  const last = path[path.length - 1];
  const variants = union === undefined || last === undefined ? [] : variantsOf(childNode(union, last) ?? {});
  const name = discriminator(variants);
  if (name === undefined || !variants.some((variant) => Object.hasOwn(variant.properties ?? {}, key)))
    return undefined;
  return String(nodeAt(path, input, root)?.properties?.[name]?.const);
}

/** All keys as dotted paths, objective names and list indices written `*`; sorted, each once. */
export function allKeys(root: SchemaNode = rootNode()): string[] {
  const keys = new Set<string>();
  const visit = (node: SchemaNode, path: string): void => {
    for (const [key, inner] of Object.entries(node.properties ?? {})) {
      const inside = path === "" ? key : `${path}.${key}`;
      keys.add(inside);
      visit(inner, inside);
    }
    for (const variant of variantsOf(node)) visit(variant, path);
    if (typeof node.additionalProperties === "object") visit(node.additionalProperties, `${path}.*`);
    if (node.items !== undefined) visit(node.items, `${path}.*`);
  };
  visit(root, "");
  return [...keys].sort();
}

/** "one of a, b", "a whole number, 1 or more", …; reads on from "must be". */
export function allowed(node: SchemaNode | undefined): string {
  if (node === undefined) return "a known value";
  if (node.const !== undefined) return String(node.const);
  if (node.enum !== undefined)
    return node.enum.length === 1 ? String(node.enum[0]) : `one of ${node.enum.join(", ")}`;
  const variants = variantsOf(node);
  if (variants.length > 0) {
    const name = discriminator(variants);
    if (name === undefined) return variants.map(allowed).join(" or ");
    return `a mapping with ${name}: ${choices(variants, name).join(" | ")}`;
  }
  if (node.pattern !== undefined && node.description !== undefined) return firstSentence(node.description);
  switch (node.type) {
    case "integer":
      return `a whole number${range(node)}`;
    case "number":
      return `a number${range(node)}`;
    case "string":
      return "a text";
    case "boolean":
      return "true or false";
    case "array":
      if (node.prefixItems !== undefined) {
        return `a list of ${node.prefixItems.length}, each ${allowed(node.prefixItems[0])}`;
      }
      return node.minItems === undefined ? "a list" : "a list that is not empty";
    default:
      return "a mapping of keys to values";
  }
}

/** The key that tells variants apart: the one property that has a constant value in all of them. */
export function discriminator(variants: readonly SchemaNode[]): string | undefined {
  const names = Object.keys(variants[0]?.properties ?? {});
  return names.find((name) => variants.every((variant) => variant.properties?.[name]?.const !== undefined));
}

export function choices(variants: readonly SchemaNode[], name: string): string[] {
  return variants.map((variant) => String(variant.properties?.[name]?.const));
}

export function variantsOf(node: SchemaNode): readonly SchemaNode[] {
  return node.oneOf ?? node.anyOf ?? [];
}

/** The value under a key, own properties only. */
export function child(value: unknown, key: string | number): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string | number, unknown>)[key];
}

function childNode(node: SchemaNode, key: string | number): SchemaNode | undefined {
  if (typeof key === "number") return node.prefixItems?.[key] ?? node.items;
  if (node.properties !== undefined && Object.hasOwn(node.properties, key)) return node.properties[key];
  if (typeof node.additionalProperties === "object") return node.additionalProperties;
  // in a union whose variant is not known, the keys of any variant serve
  for (const variant of variantsOf(node)) {
    const found = childNode(variant, key);
    if (found !== undefined) return discriminatorNode(node, key) ?? found;
  }
  return undefined;
}

/** For the discriminating key itself: all its constants as one enum. */
function discriminatorNode(node: SchemaNode, key: string): SchemaNode | undefined {
  const variants = variantsOf(node);
  return discriminator(variants) === key ? { enum: choices(variants, key) } : undefined;
}

function pickVariant(node: SchemaNode | undefined, value: unknown): SchemaNode | undefined {
  if (node?.oneOf === undefined) return node;
  const name = discriminator(node.oneOf);
  const given = name === undefined ? undefined : child(value, name);
  const index =
    name === undefined || given === undefined ? -1 : choices(node.oneOf, name).indexOf(String(given));
  return node.oneOf[index] ?? node;
}

function range(node: SchemaNode): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = node;
  const low =
    exclusiveMinimum !== undefined
      ? `above ${exclusiveMinimum}`
      : minimum === undefined
        ? ""
        : `${minimum} or more`;
  const bounded = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  if (bounded && minimum !== undefined) return ` from ${minimum} to ${maximum}`;
  const high =
    exclusiveMaximum !== undefined ? `below ${exclusiveMaximum}` : bounded ? `${maximum} or less` : "";
  const text = [low, high].filter((part) => part !== "").join(" and ");
  return text === "" ? "" : `, ${text}`;
}

export function firstSentence(text: string): string {
  const end = text.indexOf(". ");
  return end < 0 ? text.replace(/\.$/, "") : text.slice(0, end);
}
