/** The 57 subjects of MMLU (Hendrycks et al. 2021) in the four groups that lm-evaluation-harness reports. */
import { nearest } from "@outright/trainer";

export const GROUPS = ["stem", "humanities", "social_sciences", "other"] as const;
export type Group = (typeof GROUPS)[number];

/** Group → its subjects: the `tag` of each file in the harness's lm_eval/tasks/mmlu/default. */
export const SUBJECTS: Readonly<Record<Group, readonly string[]>> = {
  stem: [
    "abstract_algebra",
    "anatomy",
    "astronomy",
    "college_biology",
    "college_chemistry",
    "college_computer_science",
    "college_mathematics",
    "college_physics",
    "computer_security",
    "conceptual_physics",
    "electrical_engineering",
    "elementary_mathematics",
    "high_school_biology",
    "high_school_chemistry",
    "high_school_computer_science",
    "high_school_mathematics",
    "high_school_physics",
    "high_school_statistics",
    "machine_learning",
  ],
  humanities: [
    "formal_logic",
    "high_school_european_history",
    "high_school_us_history",
    "high_school_world_history",
    "international_law",
    "jurisprudence",
    "logical_fallacies",
    "moral_disputes",
    "moral_scenarios",
    "philosophy",
    "prehistory",
    "professional_law",
    "world_religions",
  ],
  social_sciences: [
    "econometrics",
    "high_school_geography",
    "high_school_government_and_politics",
    "high_school_macroeconomics",
    "high_school_microeconomics",
    "high_school_psychology",
    "human_sexuality",
    "professional_psychology",
    "public_relations",
    "security_studies",
    "sociology",
    "us_foreign_policy",
  ],
  other: [
    "business_ethics",
    "clinical_knowledge",
    "college_medicine",
    "global_facts",
    "human_aging",
    "management",
    "marketing",
    "medical_genetics",
    "miscellaneous",
    "nutrition",
    "professional_accounting",
    "professional_medicine",
    "virology",
  ],
};

/** Group after group, each in alphabetical order. */
export const ALL_SUBJECTS: readonly string[] = GROUPS.flatMap((group) => SUBJECTS[group]);

/** @throws Error where it is no subject */
export function groupOf(subject: string): Group {
  const found = GROUPS.find((group) => SUBJECTS[group].includes(subject));
  if (found === undefined) throw new Error(`${subject} is no subject of MMLU`);
  return found;
}

/**
 * The subjects that names stand for, each once, in the order of `ALL_SUBJECTS`.
 * @param names of subjects and groups; spaces and capitals may be written as people do
 * @throws Error of one line that names what was probably meant
 */
export function chooseSubjects(names: readonly string[]): string[] {
  const chosen = new Set<string>();
  for (const given of names) {
    const name = given
      .trim()
      .toLowerCase()
      .replace(/[\s-]+/g, "_");
    const group = GROUPS.find((group) => group === name);
    if (group !== undefined) for (const subject of SUBJECTS[group]) chosen.add(subject);
    else if (ALL_SUBJECTS.includes(name)) chosen.add(name);
    else throw new Error(`there is no subject or group "${given.trim()}" in MMLU; ${meant(name)}`);
  }
  return ALL_SUBJECTS.filter((subject) => chosen.has(subject));
}

/** Names spelt nearly so, or that hold what was given. */
function meant(name: string): string {
  const known = [...GROUPS, ...ALL_SUBJECTS];
  const close = nearest(name, known);
  const holding = name.length < 3 ? [] : known.filter((other) => other.includes(name) && other !== close);
  const names = [...(close === undefined ? [] : [close]), ...holding].slice(0, 5);
  if (names.length > 0) return `did you mean ${names.join(" or ")}?`;
  return `groups are ${GROUPS.join(", ")}; \`outright eval mmlu --help\` has all subjects`;
}
