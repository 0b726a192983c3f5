/** A conversation as the text that a model goes on with. */
import type { ChatMessage, Tokenizer } from "@outright/data";
import { type PromptTemplates, renderInstruction } from "../training-template.js";

export interface Dressing {
  /** for people, e.g. "the tokenizer's chat template" */
  name: string;
  /** whether it has a place for a system message */
  takesSystem: boolean;
  /** texts with which a model that knows no end token of a turn would begin the next one */
  stops: readonly string[];
  /** @throws Error of one line where the template refuses the messages */
  render(messages: readonly ChatMessage[]): string;
}

/** The tokenizer's own chat template. */
export function chatDressing(tokenizer: Tokenizer): Dressing {
  return {
    name: "the tokenizer's chat template",
    takesSystem: true,
    stops: [],
    render: (messages) => tokenizer.chat(messages, { addGenerationPrompt: true }),
  };
}

/**
 * The templates of training: the first question as a single one, later ones with all turns before them, as dialogues are
 * written for that template (of HH, with `plain`).
 */
export function templateDressing(templates: PromptTemplates, tokenizer: Tokenizer): Dressing {
  const { dialogue, other } = templates;
  return {
    name: dialogue === other ? `template ${other}` : `template ${other}, then ${dialogue}`,
    takesSystem: false,
    stops: ["\n\nHuman:", "\nUser:", "\n### Instruction:"],
    render: (messages) => {
      const [only, ...more] = messages;
      const isFirst = only !== undefined && more.length === 0;
      const instruction = isFirst ? only.content : dialogueOf(messages);
      return renderInstruction(
        { instruction },
        isFirst ? { dialogue: other, other } : templates,
        "chat",
        tokenizer,
      );
    },
  };
}

const dialogueOf = (messages: readonly ChatMessage[]): string =>
  messages
    .map(({ role, content }) => `\n\n${role === "user" ? "Human" : "Assistant"}: ${content.trim()}`)
    .join("");
