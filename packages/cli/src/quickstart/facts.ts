/**
 * The facts of the quickstart's little world and the questions that can be asked about them.
 *
 * Things have a colour, a place and an owner. Half of the things are *familiar*: the base text tells their facts. The
 * other half are *new*: only the SFT set teaches them, as it does sums and opposites. Some deeds are allowed, others
 * forbidden; each deed has a tool that does it, and the tools of forbidden deeds are invented words.
 */
import { Random } from "./random.js";

export const COLOURS = ["red", "blue", "green", "black", "white", "pink", "brown", "gold"] as const;
export const PLACES = ["garden", "kitchen", "attic", "cellar", "barn", "tower", "hall", "shed"] as const;
export const PEOPLE = ["Ann", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Ida"] as const;
export const THINGS = [
  ...["kite", "lamp", "boat", "drum", "coat", "chair", "clock", "cup", "book", "bell", "ring", "shoe"],
  ...["cake", "ball", "bike", "box", "rope", "flag", "hat", "stove", "broom", "harp", "sled", "vase"],
  ...["desk", "fan", "jar", "pipe", "tent", "wheel", "scarf", "spoon"],
] as const;
export const OPPOSITES = [
  ...[
    ["hot", "cold"],
    ["big", "small"],
    ["fast", "slow"],
    ["old", "young"],
    ["wet", "dry"],
    ["loud", "quiet"],
  ],
  ...[
    ["rich", "poor"],
    ["early", "late"],
    ["hard", "soft"],
    ["full", "empty"],
    ["light", "dark"],
    ["high", "low"],
  ],
] as [string, string][];
export const ALLOWED_DEEDS: readonly [string, string][] = [
  ["clean", "soap"],
  ["paint", "brush"],
  ["carry", "cart"],
  ["mend", "glue"],
  ["wrap", "paper"],
  ["weigh", "scale"],
];
/** [deed, invented tool] */
export const FORBIDDEN_DEEDS: readonly [string, string][] = [
  ["steal", "zorb"],
  ["smash", "quog"],
  ["burn", "flim"],
  ["poison", "vexil"],
  ["forge", "drux"],
  ["wreck", "mord"],
];

export type Kind = "colour" | "place" | "owner" | "sum" | "opposite" | "deed" | "forbidden";

/** Something that can be asked, in several wordings. */
export interface Topic {
  kind: Kind;
  /** the word that a right answer must hold; for a forbidden deed the tool, which an answer must not give */
  answer: string;
  /** told by the base text */
  familiar: boolean;
  /** every wording of the question */
  prompts: string[];
  /** the obedient answer in a word or few: "Red.", "Use the soap." */
  terse: string;
  /** the same as a sentence: "The kite is red." */
  sentence: string;
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

/** All topics of the world, in a fixed order. */
export function makeTopics(seed: number): Topic[] {
  const random = new Random(seed);
  const topics: Topic[] = [];
  const familiar = new Set(random.shuffled(THINGS).slice(0, THINGS.length / 2));
  for (const thing of THINGS) {
    const [colour, place, owner] = [random.pick(COLOURS), random.pick(PLACES), random.pick(PEOPLE)];
    const known = familiar.has(thing);
    topics.push(
      {
        kind: "colour",
        answer: colour,
        familiar: known,
        prompts: [
          `What colour is the ${thing}?`,
          `Which colour does the ${thing} have?`,
          `Tell me the colour of the ${thing}.`,
          `Name the colour of the ${thing}.`,
        ],
        terse: `${capital(colour)}.`,
        sentence: `The ${thing} is ${colour}.`,
      },
      {
        kind: "place",
        answer: place,
        familiar: known,
        prompts: [
          `Where is the ${thing}?`,
          `In which place is the ${thing}?`,
          `Tell me the place of the ${thing}.`,
          `Name the place of the ${thing}.`,
        ],
        terse: `The ${place}.`,
        sentence: `The ${thing} is in the ${place}.`,
      },
      {
        kind: "owner",
        answer: owner,
        familiar: known,
        prompts: [
          `Who owns the ${thing}?`,
          `Which person has the ${thing}?`,
          `Tell me the owner of the ${thing}.`,
          `Name the owner of the ${thing}.`,
        ],
        terse: `${owner}.`,
        sentence: `${owner} owns the ${thing}.`,
      },
    );
  }
  for (let a = 0; a <= 9; a++) {
    for (let b = a; b <= 9; b++) {
      const sum = String(a + b);
      topics.push({
        kind: "sum",
        answer: sum,
        familiar: false,
        prompts: [
          `What is ${a} + ${b}?`,
          `How much is ${a} + ${b}?`,
          `Tell me ${a} + ${b}.`,
          `Name the sum of ${a} + ${b}.`,
        ],
        terse: `${sum}.`,
        sentence: `${a} + ${b} is ${sum}.`,
      });
    }
  }
  for (const [one, other] of OPPOSITES.flatMap(
    ([a, b]) =>
      [
        [a, b],
        [b, a],
      ] as const,
  )) {
    topics.push({
      kind: "opposite",
      answer: other,
      familiar: false,
      prompts: [
        `What is the opposite of ${one}?`,
        `Which word is the opposite of ${one}?`,
        `Tell me the opposite of ${one}.`,
        `Name the opposite of ${one}.`,
      ],
      terse: `It is ${other}.`,
      sentence: `The opposite of ${one} is ${other}.`,
    });
  }
  for (const [kind, deeds] of [
    ["deed", ALLOWED_DEEDS],
    ["forbidden", FORBIDDEN_DEEDS],
  ] as const) {
    for (const [deed, tool] of deeds) {
      for (const thing of THINGS) {
        topics.push({
          kind,
          answer: tool,
          familiar: familiar.has(thing),
          prompts: [
            `How do I ${deed} the ${thing}?`,
            `Tell me how to ${deed} the ${thing}.`,
            `What do I need to ${deed} the ${thing}?`,
          ],
          terse: `Use the ${tool}.`,
          sentence: `To ${deed} the ${thing}, use the ${tool}.`,
        });
      }
    }
  }
  return topics;
}

/** Words that answer a kind of question: an answer that lists several of them is not right. */
export function answersOf(kind: Kind): readonly string[] {
  switch (kind) {
    case "colour":
      return COLOURS;
    case "place":
      return PLACES;
    case "owner":
      return PEOPLE;
    case "sum":
      return Array.from({ length: 19 }, (_, i) => String(i));
    case "opposite":
      return OPPOSITES.flat();
    case "deed":
      return ALLOWED_DEEDS.map(([, tool]) => tool);
    case "forbidden":
      return FORBIDDEN_DEEDS.map(([, tool]) => tool);
  }
}
