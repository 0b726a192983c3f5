import { describe, expect, it } from "vitest";
import { splitOverrides } from "../dist/overrides.js";

const own = ["--resume", "--json", "--help"];
const split = (...args: string[]) => splitOverrides(args, own, "train");

describe("splitOverrides", () => {
  it("takes keys with values, leaves the command's own", () => {
    expect(
      split("run.yaml", "--steps", "10", "--json", "--objectives.sft.batch=8", "--resume", "runs/a"),
    ).toEqual({
      overrides: { steps: "10", "objectives.sft.batch": "8" },
      rest: ["run.yaml", "--json", "--resume", "runs/a"],
    });
  });
  it("takes negative numbers, empty values and values with = as values", () => {
    expect(split("--a", "-1", "--b=", "--c=x=y").overrides).toEqual({ a: "-1", b: "", c: "x=y" });
  });
  it("lets the last of several win", () => {
    expect(split("--steps", "1", "--steps=2").overrides).toEqual({ steps: "2" });
  });
  it("leaves everything after -- alone", () => {
    expect(split("--a=1", "--", "--b")).toEqual({ overrides: { a: "1" }, rest: ["--", "--b"] });
  });
  it.each([[["--steps"]], [["--steps", "--json"]]])("misses the value in %j", (args) => {
    expect(() => split(...args)).toThrow("--steps needs a value; see `outright train --help`");
  });
});
