import { Template } from "@huggingface/jinja";
import { tokenContent } from "./special-tokens.js";
import type { ChatMessage } from "./types.js";

/** Renders messages to one text; with `addGenerationPrompt` it ends where the assistant's answer begins. */
export type ChatTemplate = (messages: readonly ChatMessage[], addGenerationPrompt: boolean) => string;

const SPECIAL = ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"];

/**
 * The chat template of a model directory, or null where it has none: `chat_template.jinja`, else `chat_template` of
 * tokenizer_config.json (a text, or a list of named ones of which `default` is taken).
 *
 * @throws Error where the template is not valid Jinja
 */
export function chatTemplate(
  directory: string,
  config: Record<string, unknown>,
  specialMap: Record<string, unknown>,
  file: string | null,
): ChatTemplate | null {
  const source = file ?? templateOf(config["chat_template"]);
  if (source === null) return null;
  let template: Template;
  try {
    template = new Template(source);
  } catch (error) {
    throw new Error(`${directory}: the chat template is not valid: ${oneLine(error)}`);
  }
  const tokens: Record<string, string> = {};
  for (const name of SPECIAL) {
    const content = tokenContent(config[name]) ?? tokenContent(specialMap[name]);
    if (content !== null) tokens[name] = content;
  }
  return (messages, addGenerationPrompt) => {
    try {
      return template.render({
        ...tokens,
        messages: [...messages],
        add_generation_prompt: addGenerationPrompt,
      });
    } catch (error) {
      throw new Error(`the chat template refuses the messages: ${oneLine(error)}`);
    }
  };
}

function templateOf(value: unknown): string | null {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return null;
  const named = value as { name?: unknown; template?: unknown }[];
  const chosen = named.find((entry) => entry.name === "default") ?? named[0];
  return typeof chosen?.template === "string" ? chosen.template : null;
}

function oneLine(error: unknown): string {
  return (error as Error).message.replace(/\s+/g, " ");
}
