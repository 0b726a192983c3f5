import { ALL_SUBJECTS, chooseSubjects, GROUPS, groupOf, SUBJECTS } from "@outright/eval";
import { describe, expect, it } from "vitest";

describe("the subjects", () => {
  it("are 57, in groups of 19, 13, 12 and 13", () => {
    expect(GROUPS.map((group) => SUBJECTS[group].length)).toEqual([19, 13, 12, 13]);
    expect(new Set(ALL_SUBJECTS).size).toBe(57);
    expect(groupOf("virology")).toBe("other");
  });

  it("are chosen by name and group, each once", () => {
    expect(chooseSubjects(["stem", "Philosophy", "anatomy", "world religions"])).toEqual([
      ...SUBJECTS.stem,
      "philosophy",
      "world_religions",
    ]);
  });

  it.each([
    ["philosofy", "did you mean philosophy?"],
    ["high-school-phisics", "did you mean high_school_physics?"],
    ["socialsciences", "did you mean social_sciences?"],
    ["physics", "did you mean college_physics or conceptual_physics or high_school_physics?"],
    [
      "zzz",
      "groups are stem, humanities, social_sciences, other; `outright eval mmlu --help` has all subjects",
    ],
  ])("unknown %s is told with what was meant", (name, says) => {
    expect(() => chooseSubjects([name])).toThrow(`there is no subject or group "${name}" in MMLU; ${says}`);
  });
});
