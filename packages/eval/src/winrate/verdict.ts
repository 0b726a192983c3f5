/** What a judge's answer says. */

/** Which of the two outputs it was shown is better. */
export type Verdict = "first" | "second" | "tie";

/** Names of the outputs, and of a tie. Only m and M are told apart by their case. */
const NAMES: Record<string, Verdict> = {
  ...{ m: "first", model_1: "first", output_1: "first" },
  ...{ M: "second", model_2: "second", output_2: "second" },
  ...{ tie: "tie", draw: "tie", equal: "tie", neither: "tie" },
};
const BRACKETED: Record<string, Verdict> = { A: "first", B: "second", C: "tie" };

/** Words that may stand in front of a name on the line of the verdict. */
const LEAD =
  /^(?:(?:the|my|i|prefer|choose|pick|final|overall|better|best|preferred|winning|verdict|answer|choice|decision|winner|result|preference|output|model|response|one|is|its|a(?=\s+(?:tie|draw)))\b[\s:=-]*)*/i;

/**
 * Reads a verdict in any of these forms; the thoughts of `<think>…</think>` are passed over:
 * - MT-bench's `[[A]]`, `[[B]]`, `[[C]]`; the last one counts, as the explanation before may speak of the others
 * - a ranking as AlpacaEval asks for: `[{"model": "m", "rank": 1}, …]`, alone or as `ordered_models`; equal ranks are a tie
 * - one word, `m`, `M` or `tie`, on the first or the last line: bare, quoted, or behind words like "Final verdict:". Where
 *   both lines have one they must agree.
 * @returns undefined where it says none
 */
export function parseVerdict(reply: string): Verdict | undefined {
  const text = reply.replace(/<think>[\s\S]*?<\/think>/g, "").trim();
  const bracketed = [...text.matchAll(/\[\[\s*([ABC])\s*\]\]/g)].at(-1)?.[1];
  if (bracketed !== undefined) return BRACKETED[bracketed];
  if (/["']rank["']/.test(text)) return ranking(text);
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const found = [lines[0], lines.at(-1)].flatMap((line) => word(line ?? "") ?? []);
  return new Set(found).size === 1 ? found[0] : undefined;
}

function word(line: string): Verdict | undefined {
  const plain = line
    .replace(/[*_`"'“”‘’()[\]{}<>#]|\.(?=\s|$)|[!,;]/g, (mark) => (mark === "_" ? "_" : ""))
    .trim();
  const name = plain
    .replace(LEAD, "")
    .replace(/\s+(?:is|was)\s+(?:the\s+)?(?:better|best|preferred)(?:\s+\w+)?$/i, "");
  return byName(name.trim());
}

function byName(name: string): Verdict | undefined {
  if (/^m$/i.test(name)) return NAMES[name];
  return Object.hasOwn(NAMES, name.toLowerCase()) ? NAMES[name.toLowerCase()] : undefined;
}

/** Python's single quotes are read too: judges copy them from prompts that show such a list. */
function ranking(text: string): Verdict | undefined {
  const ranks = new Map<Verdict, number>();
  for (const [entry] of text.matchAll(/\{[^{}]*\}/g)) {
    const model = /["']model["']\s*:\s*["']([^"']+)["']/.exec(entry)?.[1];
    const rank = /["']rank["']\s*:\s*["']?(\d+(?:\.\d+)?)/.exec(entry)?.[1];
    const place = model === undefined ? undefined : byName(model.trim());
    if (place === undefined || place === "tie" || rank === undefined || ranks.has(place)) return undefined;
    ranks.set(place, Number(rank));
  }
  const [first, second] = [ranks.get("first"), ranks.get("second")];
  if (first === undefined || second === undefined) return undefined;
  return first === second ? "tie" : first < second ? "first" : "second";
}
