/**
 * What a model is asked, letter by letter as lm-evaluation-harness asks it (lm_eval/tasks/mmlu/default/_default_template_yaml,
 * version 1.0): a description, the first k examples with their answers, the question.
 */
import type { Question } from "./questions.js";

/** What follows the prompt: the harness's target delimiter and the choice. */
export const CONTINUATIONS = [" A", " B", " C", " D"] as const;

/** Changes with anything in this file that changes a prompt. */
export const TEMPLATE = "lm-evaluation-harness mmlu 1.0";

/** @param examples the k shots, in order */
export function promptOf(subject: string, examples: readonly Question[], question: Question): string {
  const shots = examples.map((example) => `${ask(example)} ${example.answer}\n\n`);
  return `${description(subject)}${shots.join("")}${ask(question)}`;
}

const description = (subject: string): string =>
  `The following are multiple choice questions (with answers) about ${subject.replaceAll("_", " ")}.\n\n`;

function ask({ text, choices: [a, b, c, d] }: Question): string {
  return `${pythonStrip(text)}\nA. ${a}\nB. ${b}\nC. ${c}\nD. ${d}\nAnswer:`;
}

/** Characters that Python's str.strip takes away; JavaScript's trim knows other ones. */
const PYTHON_SPACE = "[\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const LEADING = new RegExp(`^${PYTHON_SPACE}+`);
const TRAILING = new RegExp(`${PYTHON_SPACE}+$`);

const pythonStrip = (text: string): string => pythonRstrip(text.replace(LEADING, ""));

export const pythonRstrip = (text: string): string => text.replace(TRAILING, "");
