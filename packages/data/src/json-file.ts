import { readFile } from "node:fs/promises";

export type Json = Record<string, unknown>;

/** The text of a file, or null where there is none. */
export async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw new Error(`${path}: cannot be read: ${message.replace(/\s+/g, " ")}`);
  }
}

/** @throws Error naming the file where the text is not a JSON object */
export function parseObject(text: string, path: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${path}: is not valid JSON: ${(error as Error).message.replace(/\s+/g, " ")}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error(`${path}: must hold a JSON object`);
  }
  return value as Json;
}
