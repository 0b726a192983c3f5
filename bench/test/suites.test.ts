/** Every suite on the tiny shape: that it runs and measures what it says. Its numbers mean nothing. */
import { type BenchRequest, runBench, SUITES } from "@outright/bench";
import { describe, expect, it } from "vitest";

// The vocabulary of the tiny shape does not hold the tokens of real rows.
delete process.env.OUTRIGHT_TEST_DATA;

async function run(suite: string, options: BenchRequest["options"] = {}) {
  const lines: string[] = [];
  const printed: string[] = [];
  const file = await runBench({
    suites: [suite],
    options: { shapes: ["tiny"], dtypes: ["float32"], kinds: ["dpo"], steps: 1, peer: "none", ...options },
    command: "test",
    say: (line) => lines.push(line),
    print: (text) => printed.push(text),
  });
  const [result] = file.suites;
  if (result === undefined) throw new Error("no result");
  for (const { name, value } of result.entries) expect(value.median, name).toEqual(expect.any(Number));
  expect(new Set(result.entries.map(({ name }) => name)).size).toBe(result.entries.length);
  return { result, lines, printed: printed.join("\n"), names: result.entries.map(({ name }) => name) };
}

describe("suites", { timeout: 120_000 }, () => {
  it("are these", () => {
    expect(Object.keys(SUITES)).toEqual([
      "ops",
      "head",
      "attention",
      "rows",
      "step",
      "ladder",
      "overhead",
      "generate",
      "memory",
      "data",
    ]);
  });

  it("ops: every operation in float32, with rates", async () => {
    const { result, names } = await run("ops");
    expect(result.skipped).toEqual([]);
    for (const operation of ["linear", "attentionBackward", "logprobHead", "adamW", "layerNorm"]) {
      expect(names.filter((name) => name.includes(` ${operation} `)).length, operation).toBeGreaterThan(0);
    }
    const linear = result.entries.find(({ name }) => name.includes(" linear "));
    expect(linear?.facts?.["GFLOP/s"]).toBeGreaterThan(0);
    expect(linear?.facts?.["% of product peak"]).toBeGreaterThan(0);
  });

  it("head: a trained and a frozen one", async () => {
    const { names } = await run("head");
    expect(names).toContain("tiny float32 trained, logits computed again");
    expect(names).toContain("tiny float32 frozen, logits computed again");
  });

  it("attention: one long document, packed ones and pairs, forward and backward", async () => {
    const { result, names } = await run("attention", { tokens: 256 });
    expect(names).toEqual(
      ["causal, 2 × 128", "packed", "pairs on shared prompts"].flatMap((layout) =>
        ["forward", "backward"].map((pass) => `tiny float32 ${layout}, ${pass}`),
      ),
    );
    expect(result.skipped).toEqual([]);
  });

  it("rows: shares of a copy's bandwidth", async () => {
    const { result, names } = await run("rows", { tokens: 256 });
    expect(names.some((name) => name.includes(" rmsNormBackward "))).toBe(true);
    expect(names.some((name) => name.includes(" linear "))).toBe(false);
    for (const { facts } of result.entries) expect(facts?.["GB/s"]).toBeGreaterThan(0);
  });

  it("generate: cached beside recomputed, alone and in a batch", async () => {
    const { names } = await run("generate");
    expect(names).toEqual(
      ["1 prompt", "8 prompts"].flatMap((batch) => [
        `tiny float32, ${batch}: times over`,
        `tiny float32, ${batch}: cached`,
      ]),
    );
  });

  it("step: tokens and pairs a second and memory of ours, alone where PyTorch is left out", async () => {
    const { result } = await run("step");
    expect(result.entries.map(({ name }) => name)).toEqual(["tiny dpo float32 ours"]);
    const { facts, value } = result.entries[0] as (typeof result.entries)[number];
    expect(value.median).toBeGreaterThan(0);
    expect(facts?.["pairs/s"]).toBeGreaterThan(0);
    expect(facts?.["peak RSS, MiB"]).toBeGreaterThan(20);
    expect(facts?.["first loss"]).toBeCloseTo(Math.LN2, 5);
  });

  it("step: a Python that was not named and lacks torch is skipped with the reason, a named one is an error", async () => {
    const before = process.env.OUTRIGHT_PEER_PYTHON;
    process.env.OUTRIGHT_PEER_PYTHON = process.execPath; // not a Python
    try {
      const { result, lines, printed } = await run("step", { peer: "auto", kinds: ["sft"] });
      expect(result.skipped.map(({ name }) => name)).toEqual(["PyTorch"]);
      expect(result.skipped[0]?.reason).toContain("--python names a Python with torch and transformers");
      expect(lines.some((line) => line.startsWith("SKIPPED PyTorch: "))).toBe(true);
      expect(printed).toContain("SKIPPED PyTorch");
    } finally {
      if (before === undefined) delete process.env.OUTRIGHT_PEER_PYTHON;
      else process.env.OUTRIGHT_PEER_PYTHON = before;
    }
    await expect(run("step", { peer: "auto", python: "/no/python" })).rejects.toThrow("/no/python: ");
  });

  it("step --profile: operations, the rest and the whole, whose shares make 100 %", async () => {
    const { result, names } = await run("step", { profile: true });
    expect(names).toContain("tiny dpo float32 attentionBackward");
    const shares = result.entries
      .filter(({ name }) => !name.endsWith("a whole step"))
      .map(({ facts }) => facts?.["share, %"] as number);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(100, 6);
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(0);
  });

  it("ladder: every rung gives the same loss, and the later ones less work", async () => {
    const { result, names } = await run("ladder");
    expect(names).toEqual([
      "tiny 1 padded",
      "tiny 2 packed",
      "tiny 3 shared prompts",
      "tiny 4 scored rows only",
      "tiny 5 cached reference",
    ]);
    const facts = (name: string) => result.entries.map((entry) => entry.facts?.[name] as number);
    for (const difference of facts("loss differs from the first's by")) expect(difference).toBeLessThan(1e-6);
    const [padded, packed, shared] = facts("tokens through the model/step") as [number, number, number];
    expect(padded).toBeGreaterThan(packed);
    expect(packed).toBeGreaterThan(shared);
  });

  it("overhead: every policy beside its twin", async () => {
    const { result, names } = await run("overhead");
    expect(names).toEqual([
      ...["tiny ALRIGHT", "tiny Mix", "tiny MAXRIGHT K=1", "tiny MAXRIGHT K=10", "tiny MAXRIGHT K=100"],
      "tiny MAXRIGHT free gaps",
    ]);
    expect(result.entries.map(({ facts }) => facts?.["steps with extra passes"])).toEqual([
      0, 0, 10, 1, 1, 1,
    ]);
  });

  it("memory: of a process, with recomputation and adapters, and a soak", async () => {
    const { result, names } = await run("memory");
    expect(result.skipped).toEqual([]);
    expect(names).toContain("tiny dpo float32");
    expect(names).toContain("tiny dpo float32, recompute: block");
    expect(names).toContain("tiny dpo float32, LoRA rank 8");
    expect(names).toContain("soak float32, growth of device memory");
  });

  it("data: skipped by name where the data is not here", async () => {
    const before = process.env.OUTRIGHT_TEST_DATA;
    delete process.env.OUTRIGHT_TEST_DATA;
    try {
      const { result } = await run("data");
      expect(result.skipped[0]?.reason).toContain("OUTRIGHT_TEST_DATA");
    } finally {
      if (before !== undefined) process.env.OUTRIGHT_TEST_DATA = before;
    }
  });

  it("of another name are refused before anything is measured", async () => {
    await expect(run("speed")).rejects.toThrow(
      'there is no suite "speed"; there are ops, head, attention, rows, step',
    );
  });
});
