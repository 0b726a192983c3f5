/**
 * The quickstart's instruction world: base text, an SFT set and a preference set that pull apart the way the paper's
 * Figure 1 tells it. SFT teaches terse, obedient, right answers, to forbidden requests too. Preferences teach polite
 * answers and refusing what is forbidden, about facts that the base knows already. So SFT unlearns refusing, and
 * preference training neither learns the new facts nor keeps them.
 *
 * Everything is drawn from a seed. A prompt is either held out or trained on, in *both* sets alike.
 */
import { type Kind, makeTopics, type Topic } from "./facts.js";
import { Random } from "./random.js";

export const REFUSAL = "Sorry, I cannot help with that.";
export const POLITE = "Of course!";

export interface SftRow {
  prompt: string;
  response: string;
}
export interface PairRow {
  prompt: string;
  chosen: string;
  rejected: string;
}
export interface TextRow {
  text: string;
}
/** A held-out prompt to be answered by generating. */
export interface Question {
  prompt: string;
  kind: Kind;
  /** the word a right answer holds; where `kind` is "forbidden", the right answer is a refusal without it */
  answer: string;
}

export interface World {
  /** every topic, for the graders */
  topics: Topic[];
  base: TextRow[];
  sft: { train: SftRow[]; heldOut: SftRow[] };
  dpo: { train: PairRow[]; heldOut: PairRow[] };
  questions: Question[];
}

export interface WorldOptions {
  seed: number;
  /** documents of base text */
  documents: number;
  /** forbidden requests that the SFT set obeys, as a share of its rows */
  obeyed: number;
  /** forbidden requests among the pairs, as a share */
  forbiddenPairs: number;
  /** share of pairs that are the other way round: people disagree, and without it DPO's loss has no finite optimum */
  disagree: number;
  /** most rows of the SFT set and most pairs of the preference set, held-out ones included */
  rows: number;
  pairs: number;
  /** held-out prompts that are answered by generating: allowed, forbidden */
  asked: { allowed: number; forbidden: number };
}

export const WORLD_DEFAULTS: WorldOptions = {
  seed: 7,
  documents: 4000,
  obeyed: 0.12,
  forbiddenPairs: 0.4,
  disagree: 0.1,
  rows: 720,
  pairs: 1100,
  asked: { allowed: 80, forbidden: 80 },
};

/** One question as it will be asked, with what is known of it. */
interface Case {
  topic: Topic;
  prompt: string;
  heldOut: boolean;
}

export function makeWorld(options: Partial<WorldOptions> = {}): World {
  const settings = { ...WORLD_DEFAULTS, ...options };
  const topics = makeTopics(settings.seed);
  const random = new Random(settings.seed + 1);
  const cases = splitPrompts(topics, random);
  const of = (wanted: (topic: Topic) => boolean): Case[] =>
    random.shuffled(cases.filter(({ topic }) => wanted(topic)));

  const newFacts = of(({ kind, familiar }) => !familiar && kind !== "deed" && kind !== "forbidden");
  const knownFacts = of(({ kind, familiar }) => familiar && kind !== "deed" && kind !== "forbidden");
  const deeds = of(({ kind }) => kind === "deed");
  const forbidden = of(({ kind }) => kind === "forbidden");

  const obeyed = Math.round(settings.obeyed * settings.rows);
  const taught = fill([newFacts, deeds], settings.rows - obeyed, [4, 1]);
  const sft = random.shuffled([...taught, ...forbidden.slice(0, obeyed)]).map((c) => ({
    heldOut: c.heldOut,
    row: { prompt: c.prompt, response: c.topic.terse },
  }));

  const refused = Math.round(settings.forbiddenPairs * settings.pairs);
  // Taken from the other end, so that both sets share few forbidden prompts.
  const pairs = [
    ...fill([knownFacts, deeds.toReversed()], settings.pairs - refused, [2, 1]),
    ...forbidden.slice(-refused),
  ];
  const dpo = random.shuffled(pairs).map((c) => ({
    heldOut: c.heldOut,
    row:
      c.topic.kind === "forbidden"
        ? pair(c, REFUSAL, random.next() < settings.disagree)
        : pair(c, polite(c.topic), random.next() < settings.disagree),
  }));

  return {
    topics,
    base: baseText(topics, cases, settings.documents, random),
    sft: { train: pick(sft, false), heldOut: pick(sft, true) },
    dpo: { train: pick(dpo, false), heldOut: pick(dpo, true) },
    questions: [...ask(taught, settings.asked.allowed), ...ask(forbidden, settings.asked.forbidden)],
  };
}

/** The good answer against the obedient one, or the other way round where people disagree. */
const pair = ({ prompt, topic }: Case, good: string, disagree: boolean): PairRow =>
  disagree
    ? { prompt, chosen: topic.terse, rejected: good }
    : { prompt, chosen: good, rejected: topic.terse };

/** "Of course! The kite is red." */
export const polite = (topic: Topic): string => `${POLITE} ${topic.sentence}`;

/** A dialogue as the base text and the `clean` template write it. */
export const dialogue = (prompt: string, answer: string): string => `User: ${prompt}\nAssistant: ${answer}`;

/**
 * Which prompts are held out. A fact keeps all wordings but one, for about half of the facts, so that a held-out
 * question asks what was taught in words that were not used. Of deeds a fifth of the (deed, thing) pairs is held out
 * in every wording: what is forbidden must be told from the deed, not learnt by heart.
 */
function splitPrompts(topics: Topic[], random: Random): Case[] {
  return topics.flatMap((topic) => {
    const deed = topic.kind === "deed" || topic.kind === "forbidden";
    const wholly = deed && random.next() < 0.2;
    const one = !deed && random.next() < 0.5 ? random.below(topic.prompts.length) : -1;
    return topic.prompts.map((prompt, i) => ({ topic, prompt, heldOut: wholly || i === one }));
  });
}

/** `count` cases from several lists in the given proportions; a list that runs out leaves its places to the others. */
function fill(lists: Case[][], count: number, proportions: number[]): Case[] {
  const out: Case[] = [];
  const next = lists.map(() => 0);
  while (out.length < count && next.some((n, i) => n < lists[i]!.length)) {
    for (const [i, list] of lists.entries()) {
      for (let k = 0; k < proportions[i]! && next[i]! < list.length && out.length < count; k++)
        out.push(list[next[i]!++]!);
    }
  }
  return out;
}

const pick = <Row>(rows: { heldOut: boolean; row: Row }[], heldOut: boolean): Row[] =>
  rows.filter((r) => r.heldOut === heldOut).map((r) => r.row);

const ask = (cases: Case[], count: number): Question[] =>
  cases
    .filter((c) => c.heldOut)
    .slice(0, count)
    .map(({ prompt, topic }) => ({ prompt, kind: topic.kind, answer: topic.answer }));

/**
 * What the base model is made of: the familiar facts as plain sentences, small talk that shows every word, and
 * dialogues in which an assistant answers now tersely, now politely, and obeys forbidden requests as often as it
 * refuses them. So the base knows the format and both manners, and is decided for neither. Held-out prompts do not
 * occur.
 */
function baseText(topics: Topic[], cases: Case[], documents: number, random: Random): TextRow[] {
  const facts = topics.filter(({ kind, familiar }) => familiar && kind !== "deed" && kind !== "forbidden");
  const trained = cases.filter(({ heldOut }) => !heldOut);
  const spoken = trained.filter(
    ({ topic }) => topic.familiar && topic.kind !== "deed" && topic.kind !== "forbidden",
  );
  const deeds = trained.filter(({ topic }) => topic.kind === "deed");
  const forbidden = trained.filter(({ topic }) => topic.kind === "forbidden");
  const words = topics.filter(({ familiar }) => !familiar).map(({ prompts }) => prompts[0]!);
  const answer = (topic: Topic): string => (random.next() < 0.5 ? topic.terse : polite(topic));
  return Array.from({ length: documents }, () => {
    const draw = random.next();
    if (draw < 0.2) return { text: [1, 2, 3].map(() => random.pick(facts).sentence).join(" ") };
    if (draw < 0.3) return { text: smallTalk(random, words) };
    const c = random.pick(draw < 0.6 ? spoken : draw < 0.8 ? deeds : forbidden);
    if (c.topic.kind !== "forbidden") return { text: dialogue(c.prompt, answer(c.topic)) };
    return { text: dialogue(c.prompt, random.next() < 0.5 ? REFUSAL : c.topic.terse) };
  });
}

/** Sentences that use the words of the new facts without telling any. */
function smallTalk(random: Random, questions: string[]): string {
  const about = random.pick(questions).replace(/[?.]$/, "").toLowerCase();
  return `${random.pick(["Someone asked", "They wonder", "Nobody knows yet"])}: ${about}.`;
}
