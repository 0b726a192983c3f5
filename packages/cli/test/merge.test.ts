import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openModelDirectory, saveModelDirectory } from "@outright/checkpoint";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "./command.js";

const GOLDENS = fileURLToPath(new URL("../../../test/goldens/models", import.meta.url));
const A = join(GOLDENS, "llama-nano");

let folder: string;
let b: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "outright-merge-"));
  b = join(folder, "b");
  const { config, weights } = openModelDirectory(A);
  saveModelDirectory(b, {
    config,
    copyFrom: A,
    tensors: (weights?.names() ?? []).map((name) => {
      const { dtype, shape } = weights?.info(name) as { dtype: "F32"; shape: readonly number[] };
      return { name, dtype, shape, data: () => weights?.readFloat32(name).reverse() as Float32Array };
    }),
  });
  weights?.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let made = 0;
const place = () => join(folder, `out${made++}`);

/** What of B is in the output: from the first number of a tensor. */
function share(out: string, tensor: string): number {
  const [of, ofA, ofB] = [out, A, b].map((dir) => {
    const { weights } = openModelDirectory(dir);
    const values = weights?.readFloat32(tensor) as Float32Array;
    weights?.close();
    return values;
  }) as [Float32Array, Float32Array, Float32Array];
  const at = ofA.findIndex((x, i) => Math.abs(x - (ofB[i] as number)) > 0.01);
  return ((of[at] as number) - (ofA[at] as number)) / ((ofB[at] as number) - (ofA[at] as number));
}

const EMBEDDING = "model.embed_tokens.weight";
const block = (i: number) => `model.layers.${i}.mlp.up_proj.weight`;

async function merged(...args: string[]): Promise<{ out: string; stdout: string }> {
  const out = place();
  const { code, stdout, stderr } = await run(["merge", "--models", A, b, ...args, "--out", out]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return { out, stdout };
}

async function refused(...args: string[]): Promise<string> {
  const out = place();
  const { code, stdout, stderr } = await run(["merge", "--out", out, ...args]);
  expect({ stdout, lines: stderr.split("\n").length }).toEqual({ stdout: "", lines: 2 });
  expect(code).not.toBe(0);
  expect(existsSync(out)).toBe(false);
  return stderr.replaceAll(folder, "").trim();
}

describe("outright merge", () => {
  it("averages with alpha, says what it wrote, and the model works", async () => {
    const { out, stdout } = await merged("--alpha", "0.3");
    expect(share(out, EMBEDDING)).toBeCloseTo(0.3, 4);
    expect(stdout).toMatch(
      /^\(1 - 0\.3\) \* .+ \+ 0\.3 \* .+: [\d.]+k parameters in 21 tensors\nwrote \S+\n$/,
    );
    const generated = await run([
      "generate",
      "--model",
      out,
      "--prompt",
      "a",
      "--max-tokens",
      "2",
      "--threads",
      "1",
    ]);
    expect({ code: generated.code, stderr: generated.stderr }).toEqual({ code: 0, stderr: "" });
  });

  it("takes weights, dtype, and prints JSON", async () => {
    const { out, stdout } = await merged("--weights", "1", "3", "--dtype", "bfloat16", "--json");
    expect(share(out, EMBEDDING)).toBeCloseTo(0.75, 1);
    expect(JSON.parse(stdout)).toMatchObject({
      out,
      models: [A, b],
      weights: [1, 3],
      dtypes: ["BF16"],
      tensors: 21,
    });
    expect(JSON.parse(readFileSync(join(out, "config.json"), "utf8"))).toMatchObject({
      torch_dtype: "bfloat16",
    });
  });

  it("takes alphas of blocks from the command line, as a ramp and from files", async () => {
    const of = async (blockAlpha: string) => {
      const { out } = await merged("--alpha", "0.5", "--block-alpha", blockAlpha);
      return [EMBEDDING, block(0), block(1)].map((name) => Math.round(1000 * share(out, name)) / 1000);
    };
    expect(await of("1:0.25")).toEqual([0.5, 0.5, 0.25]);
    expect(await of("0-1:0.1")).toEqual([0.5, 0.1, 0.1]);
    expect(await of("0.2..0.8")).toEqual([0.5, 0.2, 0.8]);
    writeFileSync(join(folder, "list.json"), "[0.3, 0.6]");
    expect(await of(join(folder, "list.json"))).toEqual([0.5, 0.3, 0.6]);
    writeFileSync(join(folder, "map.yaml"), "0: 1\n1-1: 0.4\n");
    expect(await of(join(folder, "map.yaml"))).toEqual([0.5, 1, 0.4]);
  });

  it("says in one line what is wrong with a call", async () => {
    const two = ["--models", A, b];
    expect(await refused(...two)).toContain(
      "give --weights, or of two models --alpha; see `outright merge --help`",
    );
    expect(await refused("--models", A, "--alpha", "0.5")).toContain(
      "--models: give two or more directories",
    );
    expect(await refused(...two, "--alpha", "1.1")).toContain("It must be a number from 0 to 1");
    expect(await refused(...two, b, "--alpha", "0.1")).toContain("--alpha: mixes two models, 3 are given");
    expect(await refused(...two, "--weights", "1", "x")).toContain(
      '--weights: "x" is not a number of 0 or more',
    );
    expect(await refused(...two, "--weights", "1", "1", "--alpha", "1")).toContain(
      "stands in place of --alpha",
    );
    expect(await refused(...two, "--weights", "1")).toContain("weights: 1 given for 2 models");
    expect(await refused(...two, "--block-alpha", "0:1")).toContain(
      "give --alpha, for the tensors outside of blocks",
    );
    const blocks = (text: string) => refused(...two, "--alpha", "0", "--block-alpha", text);
    expect(await blocks("0:0.5,x")).toContain('--block-alpha: "x" is not BLOCK:ALPHA');
    expect(await blocks("0:0.5,0:1")).toContain("--block-alpha: block 0 is given twice");
    expect(await blocks("9:0.5")).toContain(
      "block alpha: there is no block 9; these models have blocks 0 to 1",
    );
    expect(await blocks("0.2..1.8")).toContain("--block-alpha: 0.2..1.8: 1.8 is not a number from 0 to 1");
    expect(await blocks("nowhere.yaml")).toContain('--block-alpha: "nowhere.yaml" is no such file');
    writeFileSync(join(folder, "bad.json"), '{"0": "much"}');
    expect(await blocks(join(folder, "bad.json"))).toContain(
      'bad.json: 0: "much" is not a number from 0 to 1',
    );
    writeFileSync(join(folder, "empty.yaml"), "");
    expect(await blocks(join(folder, "empty.yaml"))).toContain("empty.yaml holds no list of alphas");
  });

  it("refuses to write over what is there, a second time too", async () => {
    const { out } = await merged("--alpha", "0.5");
    const before = readFileSync(join(out, "model.safetensors"));
    const again = await run(["merge", "--models", A, b, "--alpha", "0.1", "--out", out]);
    expect(again.code).not.toBe(0);
    expect(again.stderr).toBe(`outright: --out: ${out} exists already; choose another place or remove it\n`);
    expect(readFileSync(join(out, "model.safetensors")).equals(before)).toBe(true);
  });

  it("takes the first model's tokenizer where another is allowed, and says so", async () => {
    const other = place();
    cpSync(b, other, { recursive: true });
    writeFileSync(join(other, "tokenizer.json"), `${readFileSync(join(b, "tokenizer.json"), "utf8")}\n\n`);
    expect(await refused("--models", A, other, "--alpha", "0")).toContain("with --allow tokenizer");
    const out = place();
    const { code, stderr } = await run([
      "merge",
      "--models",
      A,
      other,
      "--alpha",
      "0",
      "--allow",
      "tokenizer",
      "--out",
      out,
    ]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^note: .+: tokenizer\.json differs from .+'s: the first model's is taken\n$/);
  });
});
