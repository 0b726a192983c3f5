/** The judge's prompt: a text with places for the instruction and the two outputs, made into chat messages. */
import type { ChatMessage } from "@outright/data";
import type { Pair } from "./match.js";
import { instructionText } from "./outputs.js";

/** Which output stands first. */
export type Order = "model-first" | "reference-first";
export const ORDERS: readonly Order[] = ["model-first", "reference-first"];

/** AlpacaEval's names of the places, and MT-bench's for the same. */
const PLACES = {
  instruction: "instruction",
  question: "instruction",
  output_1: "first",
  answer_a: "first",
  output_2: "second",
  answer_b: "second",
} as const;
const PLACE = new RegExp(`\\{(${Object.keys(PLACES).join("|")})\\}`, "g");
const PART = /<\|im_start\|>\s*(\w+)\s*\n([\s\S]*?)\s*<\|im_end\|>/g;

export interface JudgePrompt {
  /** messages with their places still open */
  parts: readonly ChatMessage[];
}

/**
 * A prompt with `<|im_start|>ROLE … <|im_end|>` parts becomes a message each; any other is one message of the user.
 * @param where names the file in errors
 * @throws Error of one line where a place is missing, or text stands outside the parts
 */
export function parseJudgePrompt(text: string, where: string): JudgePrompt {
  const parts = [...text.matchAll(PART)].map(([, role, content]) => ({
    role: role as string,
    content: (content as string).trim(),
  }));
  if (parts.length === 0) parts.push({ role: "user", content: text.trim() });
  else if (text.replace(PART, "").replace("<|im_start|>assistant", "").trim() !== "") {
    throw new Error(`${where}: has text outside of its <|im_start|>ROLE … <|im_end|> parts; put it into one`);
  }
  const found = new Set(
    parts.flatMap(({ content }) =>
      [...content.matchAll(PLACE)].map(([, name]) => PLACES[name as keyof typeof PLACES]),
    ),
  );
  for (const [place, name] of [
    ["instruction", "{instruction}"],
    ["first", "{output_1}"],
    ["second", "{output_2}"],
  ] as const) {
    if (!found.has(place))
      throw new Error(
        `${where}: has no ${name}; a judge's prompt needs {instruction}, {output_1} and {output_2}`,
      );
  }
  return { parts };
}

/** What the judge is asked about a pair. A text that holds a place's name by chance stays as it is. */
export function renderJudgePrompt({ parts }: JudgePrompt, pair: Pair, order: Order): ChatMessage[] {
  const values = {
    instruction: instructionText(pair),
    first: order === "model-first" ? pair.output : pair.reference,
    second: order === "model-first" ? pair.reference : pair.output,
  };
  return parts.map(({ role, content }) => ({
    role,
    content: content.replace(PLACE, (_, name: keyof typeof PLACES) => values[PLACES[name]]),
  }));
}
