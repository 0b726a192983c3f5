import type { ChatMessage, DataFormat } from "./types.js";

type Row = Record<string, unknown>;

/** What a row asks: a text as it is, or the turns of a conversation up to the answer. */
export type Question =
  | { instruction: string; input?: string }
  | { messages: ChatMessage[] }
  | { dialogue: string; messages: ChatMessage[] };

/** A preference pair before rendering. */
export type Pair = { question: Question; chosen: string; rejected: string } | { drop: "prompts differ" };

const NEEDED: Record<DataFormat, string> = {
  alpaca: "instruction and output (input may be missing or empty)",
  "prompt-response": "prompt and response",
  messages: "messages (a list of role and content)",
  pairs: "prompt, chosen and rejected (texts or lists of messages)",
  hh: "chosen and rejected",
  text: "text",
};

/** @throws Error naming row and field where the field is missing or no text */
export function textField(row: Row, field: string, format: DataFormat, where: string): string {
  const value = row[field];
  if (typeof value === "string") return value;
  throw new Error(
    `${where}: field "${field}" ${value === undefined || value === null ? "is missing" : "is not a text"}; format ${format} needs ${NEEDED[format]}, and the row has ${named(row)}`,
  );
}

function named(row: Row): string {
  const keys = Object.keys(row);
  if (keys.length === 0) return "no fields";
  return keys.length > 8 ? `${keys.slice(0, 8).join(", ")}, ...` : keys.join(", ");
}

export function alpacaFields(
  row: Row,
  where: string,
): { instruction: string; input: string; output: string } {
  const input = row["input"] ?? "";
  if (typeof input !== "string") throw new Error(`${where}: field "input" is not a text`);
  return {
    instruction: textField(row, "instruction", "alpaca", where),
    input,
    output: textField(row, "output", "alpaca", where),
  };
}

/** A field that must be a list of messages, copied. */
export function messageList(value: unknown, field: string, where: string): ChatMessage[] {
  if (!Array.isArray(value)) {
    throw new Error(
      `${where}: field "${field}" ${value === undefined ? "is missing" : "is not a list"}; it must be a list of messages with role and content`,
    );
  }
  if (value.length === 0) throw new Error(`${where}: field "${field}" is an empty list`);
  return value.map((message: unknown, i) => {
    const { role, content } = (message ?? {}) as Row;
    if (typeof role !== "string" || typeof content !== "string") {
      throw new Error(`${where}: ${field}[${i}] must have role and content, both texts`);
    }
    return { role, content };
  });
}

/**
 * A row of format `pairs`. Answers are texts or lists of messages that end in the assistant's turn; a list with turns before
 * that one brings the prompt itself, and the two lists must then agree on it.
 */
export function pairTexts(row: Row, where: string): Pair {
  if (!Array.isArray(row["chosen"]) && !Array.isArray(row["rejected"])) {
    const chosen = textField(row, "chosen", "pairs", where);
    const rejected = textField(row, "rejected", "pairs", where);
    const question = Array.isArray(row["prompt"])
      ? { messages: messageList(row["prompt"], "prompt", where) }
      : { instruction: textField(row, "prompt", "pairs", where) };
    return { question, chosen, rejected };
  }
  const chosen = messageList(row["chosen"], "chosen", where);
  const rejected = messageList(row["rejected"], "rejected", where);
  const answers = [chosen, rejected].map((turns, i) => {
    const answer = turns.pop();
    if (answer?.role === "assistant") return answer.content;
    throw new Error(
      `${where}: the last of "${i === 0 ? "chosen" : "rejected"}" must be the assistant's turn`,
    );
  }) as [string, string];
  if (JSON.stringify(chosen) !== JSON.stringify(rejected)) return { drop: "prompts differ" };
  return {
    question: { messages: chosen.length > 0 ? chosen : promptTurns(row, where) },
    chosen: answers[0],
    rejected: answers[1],
  };
}

function promptTurns(row: Row, where: string): ChatMessage[] {
  return Array.isArray(row["prompt"])
    ? messageList(row["prompt"], "prompt", where)
    : [{ role: "user", content: textField(row, "prompt", "pairs", where) }];
}

const ASSISTANT = "\n\nAssistant:";

/**
 * A row of format `hh`: two dialogues of `\n\nHuman:` and `\n\nAssistant:` turns with a common beginning. The prompt reaches
 * to the end of the last `\n\nAssistant:` that both share; the pair is dropped where either has one more after it, as the
 * prompts of the last answers then differ.
 */
export function hhDialogues(row: Row, where: string): Pair {
  const chosen = textField(row, "chosen", "hh", where);
  const rejected = textField(row, "rejected", "hh", where);
  let shared = 0;
  while (shared < chosen.length && chosen[shared] === rejected[shared]) shared++;
  // The mark must lie in both, so it must end within what they share.
  const mark = shared < ASSISTANT.length ? -1 : chosen.lastIndexOf(ASSISTANT, shared - ASSISTANT.length);
  if (!chosen.includes(ASSISTANT) || !rejected.includes(ASSISTANT)) {
    throw new Error(
      `${where}: field "${chosen.includes(ASSISTANT) ? "rejected" : "chosen"}" has no turn "\\n\\nAssistant:", as format hh needs`,
    );
  }
  const end = mark + ASSISTANT.length;
  const answers = [chosen.slice(end), rejected.slice(end)] as [string, string];
  if (mark < 0 || answers.some((answer) => answer.includes(ASSISTANT))) return { drop: "prompts differ" };
  const dialogue = chosen.slice(0, end);
  return { question: { dialogue, messages: hhTurns(dialogue) }, chosen: answers[0], rejected: answers[1] };
}

function hhTurns(dialogue: string): ChatMessage[] {
  const parts = dialogue.split(/\n\n(Human|Assistant):/);
  const turns: ChatMessage[] = [];
  // The last turn is the empty one that the answer fills.
  for (let i = 1; i + 3 < parts.length; i += 2) {
    turns.push({
      role: parts[i] === "Human" ? "user" : "assistant",
      content: (parts[i + 1] as string).trim(),
    });
  }
  return turns;
}
