/** JSON values and reading them with one-line errors. */

/** Plain JSON, as `JSON.parse` returns it. */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

/** @throws Error of one line: `WHERE: is not JSON (...)`. */
export function parseJson(text: string, where: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${where}: is not JSON (${oneLine((error as Error).message)})`);
  }
}

/** @throws Error where the text is no JSON object. */
export function parseJsonObject(text: string, where: string): Record<string, JsonValue> {
  const value = parseJson(text, where);
  if (isJsonObject(value)) return value;
  throw new Error(`${where}: is JSON, but not an object {...}`);
}

export function isJsonObject(value: JsonValue | undefined): value is { [key: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * JSON text from which exactly this value can be read again.
 * @throws Error where a number is NaN or infinite: `JSON.stringify` would write null, and a resumed run would differ.
 */
export function exactJson(value: JsonValue, where: string): string {
  return JSON.stringify(value, (key, part: unknown) => {
    if (typeof part === "number" && !Number.isFinite(part)) {
      throw new Error(`${where}: "${key}" is ${part}, which JSON cannot hold`);
    }
    return part;
  });
}

/** Messages of JSON.parse quote the text, line breaks and control characters included. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to be removed
export const oneLine = (text: string): string => text.replace(/[\s\u0000-\u001f]+/g, " ");
