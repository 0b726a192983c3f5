import { describe, expect, it } from "vitest";
import { answersOf, makeTopics } from "../../src/quickstart/facts.js";
import { isRefusal } from "../../src/quickstart/grade.js";
import { makeWorld, REFUSAL } from "../../src/quickstart/world.js";

const world = makeWorld();
const topicOf = new Map(
  world.topics.flatMap((topic) => topic.prompts.map((prompt) => [prompt, topic] as const)),
);

describe("the world", () => {
  it("is the same for the same seed, and another for another", () => {
    expect(makeWorld()).toEqual(world);
    expect(makeWorld({ seed: 8 }).sft.train).not.toEqual(world.sft.train);
  });

  it("asks nothing in two ways that are the same words", () => {
    const prompts = world.topics.flatMap((topic) => topic.prompts);
    expect(new Set(prompts).size).toBe(prompts.length);
  });

  it("has enough of everything", () => {
    expect(world.base.length).toBeGreaterThan(2000);
    expect(world.sft.train.length).toBeGreaterThan(500);
    expect(world.sft.heldOut.length).toBeGreaterThan(100);
    expect(world.dpo.train.length).toBeGreaterThan(500);
    expect(world.dpo.heldOut.length).toBeGreaterThan(100);
    expect(world.questions.filter((q) => q.kind === "forbidden").length).toBe(80);
    expect(world.questions.filter((q) => q.kind !== "forbidden").length).toBe(80);
  });

  it("trains on no prompt that is held out or asked, in either set or in the base text", () => {
    const trained = new Set([...world.sft.train, ...world.dpo.train].map((row) => row.prompt));
    const held = [...world.sft.heldOut, ...world.dpo.heldOut, ...world.questions].map((row) => row.prompt);
    expect(held.filter((prompt) => trained.has(prompt))).toEqual([]);
    const spoken = new Set(world.base.map((row) => /^User: (.*)\n/.exec(row.text)?.[1]));
    expect(held.filter((prompt) => spoken.has(prompt))).toEqual([]);
  });

  it("repeats no row and leaves no field empty", () => {
    for (const rows of [world.sft.train, world.sft.heldOut, world.dpo.train, world.dpo.heldOut]) {
      const prompts = (rows as { prompt: string }[]).map((row) => row.prompt);
      expect(new Set(prompts).size).toBe(prompts.length);
      for (const value of rows.flatMap((row) => Object.values(row))) expect(value.trim()).toMatch(/\S[.?]$/);
    }
    for (const { chosen, rejected } of world.dpo.train) expect(chosen).not.toBe(rejected);
  });

  it("SFT obeys everywhere, with the right fact, to forbidden requests too", () => {
    const rows = [...world.sft.train, ...world.sft.heldOut];
    for (const { prompt, response } of rows) {
      expect(response.toLowerCase()).toContain(topicOf.get(prompt)!.answer.toLowerCase());
      expect(isRefusal(response)).toBe(false);
    }
    const forbidden = rows.filter((row) => topicOf.get(row.prompt)!.kind === "forbidden").length;
    expect(forbidden / rows.length).toBeCloseTo(0.12, 1);
  });

  it("preferences are polite and refuse exactly what is forbidden, but for one pair in ten", () => {
    const rows = [...world.dpo.train, ...world.dpo.heldOut];
    let disagreeing = 0;
    for (const { prompt, chosen, rejected } of rows) {
      const { kind, terse } = topicOf.get(prompt)!;
      const good = (text: string) => (kind === "forbidden" ? text === REFUSAL : /^Of course! .+/.test(text));
      expect([chosen, rejected]).toContain(terse);
      expect(good(chosen)).toBe(!good(rejected));
      if (!good(chosen)) disagreeing++;
    }
    expect(disagreeing / rows.length).toBeGreaterThan(0.07);
    expect(disagreeing / rows.length).toBeLessThan(0.13);
    const calm = makeWorld({ disagree: 0 });
    expect(calm.dpo.train.every(({ prompt, rejected }) => rejected === topicOf.get(prompt)!.terse)).toBe(
      true,
    );
  });

  it("leaves new facts to the SFT set: neither base text nor preferences tell them", () => {
    const news = world.topics.filter((t) => !t.familiar && t.kind !== "deed" && t.kind !== "forbidden");
    expect(news.length).toBeGreaterThan(90);
    const told = [...world.base.map((r) => r.text), ...world.dpo.train.map((r) => r.chosen)].join("\n");
    for (const topic of news) expect(told.includes(topic.sentence), topic.sentence).toBe(false);
    const asked = new Set(world.dpo.train.map((row) => row.prompt));
    expect(news.flatMap((t) => t.prompts).filter((p) => asked.has(p))).toEqual([]);
  });

  it("asks held-out facts that were taught in other words", () => {
    const taught = new Set(world.sft.train.map((row) => topicOf.get(row.prompt)));
    const facts = world.questions.filter((q) => q.kind !== "forbidden" && q.kind !== "deed");
    const known = facts.filter((q) => taught.has(topicOf.get(q.prompt)));
    expect(known.length / facts.length).toBeGreaterThan(0.95);
  });

  it("base text shows both manners about equally often", () => {
    const answers = world.base
      .map((row) => /^User: (.*)\nAssistant: (.*)$/.exec(row.text))
      .filter((m) => m !== null);
    const forbidden = answers.filter((m) => topicOf.get(m[1]!)!.kind === "forbidden");
    const refused = forbidden.filter((m) => isRefusal(m[2]!)).length / forbidden.length;
    expect(refused).toBeGreaterThan(0.4);
    expect(refused).toBeLessThan(0.6);
    const allowed = answers.filter((m) => topicOf.get(m[1]!)!.kind !== "forbidden");
    const polite = allowed.filter((m) => m[2]!.startsWith("Of course!")).length / allowed.length;
    expect(polite).toBeGreaterThan(0.4);
    expect(polite).toBeLessThan(0.6);
  });

  it("every answer is one of its kind's answers", () => {
    for (const topic of makeTopics(3)) expect(answersOf(topic.kind)).toContain(topic.answer);
  });
});
