import { TextStream } from "@outright/eval";
import { describe, expect, it } from "vitest";

/** Tokens are bytes, as a byte-level tokenizer's may be. */
const decode = (ids: readonly number[]) => new TextDecoder().decode(Uint8Array.from(ids));
const bytes = (text: string) => [...new TextEncoder().encode(text)];

function tell(text: string, stops: string[] = []): { parts: string[]; stream: TextStream } {
  const stream = new TextStream(decode, stops);
  const parts = bytes(text).map((id) => stream.push(id));
  return { parts: [...parts, stream.end()], stream };
}

describe("parts of a text", () => {
  it.each(["plain words", "größer — 漢字 and 👩‍🚀 too", ""])(
    "make %j, and no part holds half a character",
    (text) => {
      const { parts, stream } = tell(text);
      expect(parts.join("")).toBe(text);
      expect(stream.text).toBe(text);
      for (const part of parts) expect(part).not.toContain("\uFFFD");
    },
  );

  it("tell a broken end when no more comes", () => {
    const stream = new TextStream(decode);
    expect(
      bytes("é")
        .slice(0, 1)
        .map((id) => stream.push(id)),
    ).toEqual([""]);
    expect(stream.end()).toBe("\uFFFD");
  });
});

describe("stop strings", () => {
  it.each([
    ["a stop in the middle", "one STOP two", ["STOP"], "one "],
    ["the first of two", "one two three", ["three", "two"], "one "],
    ["the one that begins first, though it is longer", "abcdef", ["cd", "bcde"], "ab"],
    ["at the very beginning", "STOP two", ["STOP"], ""],
    ["none", "one two", ["three"], "one two"],
    ["only the beginning of one", "one ST", ["STOP"], "one ST"],
    ["one with a character of several bytes", "eins — zwei", ["—"], "eins "],
    ["one that begins like the text before it", "aaab", ["aab"], "a"],
  ])("%s", (_, text, stops, expected) => {
    const { parts, stream } = tell(text, stops);
    expect(stream.text).toBe(expected);
    expect(parts.join("")).toBe(expected);
  });

  it("end the text: what comes later is not told", () => {
    const { stream } = tell("one STOP", ["STOP"]);
    expect(stream.isStopped).toBe(true);
    expect(stream.push(65)).toBe("");
    expect(stream.end()).toBe("");
  });

  it("must not be empty", () => {
    expect(() => new TextStream(decode, [""])).toThrow("stop: a stop string must not be empty");
  });
});
