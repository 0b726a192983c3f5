import {
  alpacaFields,
  hhDialogues,
  messageList,
  type Pair,
  pairTexts,
  type Question,
  textField,
} from "./fields.js";
import type { ChatMessage, DataFormat, TemplateName, Tokenizer } from "./types.js";

/** A row as text: an SFT example, a preference pair, or why the row cannot be one (it is then dropped and counted). */
export type RenderedRow =
  | { prompt: string; response: string }
  | { prompt: string; chosen: string; rejected: string }
  | { drop: "prompts differ" };

/** The template a format has by default: `alpaca` its own, `messages` the tokenizer's chat template, all others `plain`. */
export function defaultTemplate(format: DataFormat): TemplateName {
  if (format === "alpaca") return "alpaca";
  return format === "messages" ? "chat" : "plain";
}

/**
 * Renders one row of a data file to a prompt text and its response text(s), before any tokenisation.
 *
 * | template | prompt | response |
 * | --- | --- | --- |
 * | `plain` | the fields as they are; an alpaca row's input follows the instruction after a line break | as it is |
 * | `clean` | `User: {prompt}\nAssistant:` | a space and the left-trimmed response |
 * | `alpaca` | the Stanford Alpaca texts with and without input | as it is |
 * | `paper` | `User: {instruction}\nAssistant: `, input dropped | without trailing line breaks, and a space |
 * | `chat` | the tokenizer's chat template up to the answer | what it adds for the answer, its closing included |
 *
 * Rows of several turns (`messages`, pairs of messages) need `chat`, unless they are one user turn and its answer. For `hh`,
 * `plain` and `paper` keep the dialogue's own text; the others are given its turns, and where a template knows only one
 * question, earlier turns stand before it as `User: …` and `Assistant: …`.
 *
 * @param where names file and row in errors
 * @param tokenizer needed for template `chat`
 * @throws Error in one line naming row and field
 */
export function renderRow(
  format: DataFormat,
  template: TemplateName,
  value: unknown,
  where: string,
  tokenizer?: Tokenizer,
): RenderedRow {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error(`${where}: a row must be an object with named fields`);
  }
  const row = value as Record<string, unknown>;
  const context = { template, where, tokenizer };
  switch (format) {
    case "text":
      // A text is its own response, whatever the template.
      return { prompt: "", response: textField(row, "text", format, where) };
    case "alpaca": {
      const { instruction, input, output } = alpacaFields(row, where);
      return {
        prompt: renderPrompt({ instruction, input }, context),
        response: renderAnswer({ instruction, input }, output, context),
      };
    }
    case "prompt-response": {
      const question = { instruction: textField(row, "prompt", format, where) };
      const response = textField(row, "response", format, where);
      return { prompt: renderPrompt(question, context), response: renderAnswer(question, response, context) };
    }
    case "messages": {
      const messages = messageList(row["messages"], "messages", where);
      const answer = messages.pop();
      if (answer?.role !== "assistant") {
        throw new Error(
          `${where}: the last of "messages" must be the assistant's turn, which is what is learnt`,
        );
      }
      const question = { messages };
      return {
        prompt: renderPrompt(question, context),
        response: renderAnswer(question, answer.content, context),
      };
    }
    case "pairs":
      return renderPair(pairTexts(row, where), context);
    case "hh":
      return renderPair(hhDialogues(row, where), context);
  }
}

interface Context {
  template: TemplateName;
  where: string;
  tokenizer: Tokenizer | undefined;
}

function renderPair(pair: Pair, context: Context): RenderedRow {
  if ("drop" in pair) return pair;
  const { question, chosen, rejected } = pair;
  return {
    prompt: renderPrompt(question, context),
    chosen: renderAnswer(question, chosen, context),
    rejected: renderAnswer(question, rejected, context),
  };
}

const ALPACA_WITH_INPUT =
  "Below is an instruction that describes a task, paired with an input that provides further context. " +
  "Write a response that appropriately completes the request.\n\n";
const ALPACA_WITHOUT_INPUT =
  "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n";

function renderPrompt(question: Question, context: Context): string {
  switch (context.template) {
    case "plain":
      return "dialogue" in question ? question.dialogue : plainQuestion(question, context);
    case "clean":
      return "dialogue" in question
        ? `${transcript(question.messages)}\nAssistant:`
        : `User: ${plainQuestion(question, context)}\nAssistant:`;
    case "paper":
      // The authors wrap even a prompt that holds dialogue turns already, and drop the input.
      if ("dialogue" in question) return `User: ${question.dialogue}\nAssistant: `;
      return `User: ${"instruction" in question ? question.instruction : plainQuestion(question, context)}\nAssistant: `;
    case "alpaca":
      return alpacaPrompt(question, context);
    case "chat":
      return chat(conversation(question), true, context);
  }
}

function renderAnswer(question: Question, answer: string, context: Context): string {
  switch (context.template) {
    case "plain":
    case "alpaca":
      return answer;
    case "clean":
      return blank(answer) ? "" : ` ${answer.trimStart()}`;
    case "paper":
      return blank(answer) ? "" : `${answer.replace(/\n+$/, "")} `;
    case "chat":
      return blank(answer) ? "" : chatAnswer(conversation(question), answer, context);
  }
}

/** A response that holds nothing but white space is empty, whatever a template would put round it. */
function blank(text: string): boolean {
  return text.trim() === "";
}

/** One question as one text: instruction and input on lines of their own, or the only user turn. */
function plainQuestion(question: Question, context: Context): string {
  if ("instruction" in question) {
    return question.input ? `${question.instruction}\n${question.input}` : question.instruction;
  }
  const [only, ...more] = question.messages;
  if (only === undefined || only.role !== "user" || more.length > 0) {
    throw new Error(
      `${context.where}: template ${context.template} takes one user turn and its answer, not ${question.messages.length} turns before the answer; use template chat`,
    );
  }
  return only.content;
}

function alpacaPrompt(question: Question, context: Context): string {
  const instruction =
    "instruction" in question
      ? question.instruction
      : "dialogue" in question
        ? transcript(question.messages).replace(/^User: /, "")
        : plainQuestion(question, context);
  const input = "instruction" in question ? question.input : undefined;
  return input
    ? `${ALPACA_WITH_INPUT}### Instruction:\n${instruction}\n\n### Input:\n${input}\n\n### Response:`
    : `${ALPACA_WITHOUT_INPUT}### Instruction:\n${instruction}\n\n### Response:`;
}

function transcript(messages: readonly ChatMessage[]): string {
  return messages
    .map(({ role, content }) => `${role === "user" ? "User" : "Assistant"}: ${content}`)
    .join("\n");
}

function conversation(question: Question): ChatMessage[] {
  if ("messages" in question) return question.messages;
  const { instruction, input } = question;
  return [{ role: "user", content: input ? `${instruction}\n${input}` : instruction }];
}

function chat(messages: ChatMessage[], addGenerationPrompt: boolean, { where, tokenizer }: Context): string {
  if (tokenizer === undefined) throw new Error(`${where}: template chat needs a tokenizer`);
  try {
    return tokenizer.chat(messages, { addGenerationPrompt });
  } catch (error) {
    throw new Error(`${where}: ${(error as Error).message}`);
  }
}

/**
 * What the chat template adds for the answer, after the prompt that ends where generation begins. Where it closes the answer
 * with the EOS token, the white space that it puts before a next turn is left out, so that the EOS is the end.
 */
function chatAnswer(messages: ChatMessage[], answer: string, context: Context): string {
  const prompt = chat(messages, true, context);
  const whole = chat([...messages, { role: "assistant", content: answer }], false, context);
  if (!whole.startsWith(prompt)) {
    throw new Error(
      `${context.where}: the chat template renders the turns before the answer differently once the answer follows, so the response cannot be told apart; use template plain, clean or alpaca`,
    );
  }
  const added = whole.slice(prompt.length);
  const eos = context.tokenizer?.token(context.tokenizer.eosId);
  return eos !== undefined && added.trimEnd().endsWith(eos) ? added.trimEnd() : added;
}
