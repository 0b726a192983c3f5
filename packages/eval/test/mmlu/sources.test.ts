/** Questions from folders, zips and the hub, and what is said of broken ones. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ALL_SUBJECTS, type MmluQuestion, openMmlu } from "@outright/eval";
import { strToU8, zipSync } from "fflate";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "outright-mmlu-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const GOLDEN = fileURLToPath(new URL("../../../../test/goldens/mmlu", import.meta.url));
const CSV = `Is it so?,yes,no,perhaps,"both, or neither",D\r\n"two\nlines",1,2,3,4,A\r\n`;
const QUESTIONS: MmluQuestion[] = [
  { text: "Is it so?", choices: ["yes", "no", "perhaps", "both, or neither"], answer: "D" },
  { text: "two\nlines", choices: ["1", "2", "3", "4"], answer: "A" },
];

let count = 0;
/** A folder with these files below it. */
function withFiles(files: Record<string, string | Uint8Array>): string {
  const root = join(folder, `data-${count++}`);
  for (const part of ["dev", "test"]) mkdirSync(join(root, part), { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(root, name), content);
  return root;
}

function zipFile(bytes: Uint8Array): string {
  const path = join(folder, `data-${count++}.zip`);
  writeFileSync(path, bytes);
  return path;
}

const open = (data: string) => openMmlu(data, {});
const messageOf = async (work: () => unknown): Promise<string> => {
  try {
    await work();
  } catch (error) {
    return (error as Error).message;
  }
  return "nothing was thrown";
};

describe("a folder", () => {
  it("gives its subjects and their questions, as they stand", async () => {
    const source = open(
      withFiles({ "dev/virology_dev.csv": CSV, "test/virology_test.csv": `\ufeff${CSV}\n` }),
    );
    expect(source.subjects).toEqual(["virology"]);
    expect(await source.read("virology", "dev")).toEqual(QUESTIONS);
    expect(await source.read("virology", "test")).toEqual(QUESTIONS);
  });

  it.each<[what: string, content: string | Uint8Array, says: string]>([
    ["empty", "", "there are no questions in the file; fetch it again"],
    ["of blank lines", "\n\n", "there are no questions in the file; fetch it again"],
    [
      "short of a column",
      `${CSV}q,1,2,3,A\n`,
      "row 2 (from 0): has 5 columns, and must have 6: question, A, B, C, D, answer",
    ],
    [
      "with another answer",
      "q,1,2,3,4,E\n",
      'row 0 (from 0): the answer must be one of A, B, C, D, it is "E"',
    ],
    [
      "with an answer in small letters",
      "q,1,2,3,4,a\n",
      'row 0 (from 0): the answer must be one of A, B, C, D, it is "a"',
    ],
    ["with an open quote", `"q,1,2,3,4,A\n`, "is no CSV: Quote Not Closed:"],
    ["of other bytes", Uint8Array.of(0xff, 0xfe, 0x41), "is not UTF-8 text; fetch it again or convert it"],
  ])("says where a file is %s", async (_, content, says) => {
    const root = withFiles({ "test/anatomy_test.csv": content });
    const message = await messageOf(() => open(root).read("anatomy", "test"));
    expect(message.startsWith(`${join(root, "test/anatomy_test.csv")}: ${says}`), message).toBe(true);
    expect(message).not.toContain("\n");
  });

  it("says which file is missing, and that nothing is there at all", async () => {
    const root = withFiles({ "test/anatomy_test.csv": CSV });
    expect(await messageOf(() => open(root).read("anatomy", "dev"))).toBe(
      `${join(root, "dev/anatomy_dev.csv")}: there is no such file; put it there, or leave the subject out with --subjects`,
    );
    expect(await messageOf(() => open(withFiles({})))).toContain(
      "holds no subject of MMLU; there must be files such as test/anatomy_test.csv in it",
    );
    expect(await messageOf(() => open(join(folder, "nowhere")))).toBe(
      `${join(folder, "nowhere")}: there is no such folder or file; without --data the questions come from the hub`,
    );
  });
});

describe("a zip", () => {
  const files = {
    "data/dev/anatomy_dev.csv": strToU8(CSV),
    "data/test/anatomy_test.csv": strToU8(CSV),
    "data/README.txt": strToU8("x"),
  };

  it("gives what the folder gives", async () => {
    const source = open(zipFile(zipSync(files)));
    expect(source.subjects).toEqual(["anatomy"]);
    expect(await source.read("anatomy", "dev")).toEqual(QUESTIONS);
    expect(await messageOf(() => source.read("virology", "test"))).toContain(
      "has no file test/virology_test.csv",
    );
  });

  it("says that it is damaged: cut, changed by a byte, empty, or no zip", async () => {
    const whole = zipSync(files, { level: 0 });
    const changed = whole.slice();
    changed[Buffer.from(whole).indexOf("perhaps")] = 0x50; // stored, so that it unpacks all the same
    const cases: [Uint8Array, string][] = [
      [whole.slice(0, whole.length / 2), "is no zip, or it is damaged (it has no end); fetch it again"],
      [changed, "data/dev/anatomy_dev.csv is damaged; fetch the zip again"],
      [new Uint8Array(0), "the file is empty; fetch it again"],
      [
        strToU8("Once upon a time there was a zip.".repeat(9)),
        "is no zip, or it is damaged (it has no end); fetch it again",
      ],
      [
        zipSync({ "a.txt": strToU8("x") }),
        "holds no subject of MMLU; there must be files such as test/anatomy_test.csv in it",
      ],
    ];
    for (const [bytes, says] of cases) {
      const path = zipFile(bytes);
      expect(await messageOf(() => open(path))).toBe(`${path}: ${says}`);
    }
  });
});

describe("the hub", () => {
  interface Asked {
    url: string;
    headers: IncomingHttpHeaders;
  }
  let asked: Asked[];
  let answer: (response: ServerResponse, count: number) => void;
  let server: Server;
  let address: string;

  beforeEach(async () => {
    asked = [];
    server = createServer(({ url = "", headers }, response) => {
      asked.push({ url, headers });
      answer(response, asked.length);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const parquet = (split: string) =>
    readFileSync(new URL(`fixtures/abstract_algebra-${split}.parquet`, import.meta.url));
  const hub = (token?: string) =>
    openMmlu(undefined, { endpoint: `${address}/`, token, retries: 2, backoff: { first: 0.01, seed: 1 } });
  const status =
    (code: number, headers: Record<string, string> = {}) =>
    (response: ServerResponse) => {
      response.writeHead(code, headers).end("no");
    };
  const FILE = "/datasets/cais/mmlu/resolve/main/abstract_algebra/test-00000-of-00001.parquet";

  it.each(["dev", "test"] as const)("gives the same %s questions as the CSV files", async (split) => {
    answer = (response) => response.end(parquet(split));
    const source = hub("hf_secret ");
    expect(source.subjects).toEqual(ALL_SUBJECTS);
    const questions = await source.read("abstract_algebra", split);
    expect(questions).toEqual(await open(GOLDEN).read("abstract_algebra", split));
    expect(asked.map(({ url }) => url)).toEqual([FILE.replace("test-", `${split}-`)]);
    expect(asked[0]?.headers.authorization).toBe("Bearer hf_secret");
  });

  it("sends no token where there is none, and follows to where the file lies", async () => {
    answer = (response, count) => {
      if (count === 1) response.writeHead(302, { location: "/elsewhere" }).end();
      else response.end(parquet("test"));
    };
    expect(await hub().read("abstract_algebra", "test")).toHaveLength(8);
    expect(asked.map(({ url }) => url)).toEqual([FILE, "/elsewhere"]);
    expect(asked.some(({ headers }) => headers.authorization !== undefined)).toBe(false);
  });

  it("asks again after 429, 500 and a broken connection", async () => {
    answer = (response, count) => {
      if (count === 1) status(429, { "retry-after": "0.01" })(response);
      else if (count === 2) response.destroy();
      else response.end(parquet("test"));
    };
    expect(await hub().read("abstract_algebra", "test")).toHaveLength(8);
    expect(asked).toHaveLength(3);
  });

  it.each<[code: number, headers: Record<string, string>, times: number, says: string]>([
    [404, {}, 1, "there is no such file (HTTP 404); look at HF_ENDPOINT, or give --data FOLDER or ZIP"],
    [401, {}, 1, "the hub lets nobody in without the right token (HTTP 401); set HF_TOKEN"],
    [418, {}, 1, "the hub answered with HTTP 418; give --data FOLDER or ZIP"],
    [429, {}, 3, "the hub says to ask less often (HTTP 429); try again later, or give --data FOLDER or ZIP"],
    [
      429,
      { "retry-after": "86400" },
      1,
      "the hub says to ask less often (HTTP 429), and to wait 86400 seconds; try again then",
    ],
    [500, {}, 3, "the hub failed (HTTP 500); try again later, or give --data FOLDER or ZIP"],
  ])("gives up on %i %j after asking %i times", async (code, headers, times, says) => {
    answer = status(code, headers);
    expect(await messageOf(() => hub("hf_secret").read("abstract_algebra", "test"))).toBe(
      `${address}${FILE}: ${says}`,
    );
    expect(asked).toHaveLength(times);
  });

  it("says that nobody is there, that a file is damaged, and that an address is none", async () => {
    answer = (response) => response.end(parquet("test").subarray(0, 2000));
    expect(await messageOf(() => hub().read("abstract_algebra", "test"))).toMatch(
      /\.parquet: is no Parquet file of questions, or it is damaged \(.+\)$/,
    );
    server.close();
    server.closeAllConnections();
    const nobody = openMmlu(undefined, { endpoint: address, retries: 0 });
    expect(await messageOf(() => nobody.read("anatomy", "dev"))).toMatch(
      /cannot be reached or broke off \(ECONN\w+\); try again later, or give --data FOLDER or ZIP$/,
    );
    expect(await messageOf(() => openMmlu(undefined, { endpoint: "hub" }))).toBe(
      'HF_ENDPOINT: "hub" is no address; it must be one such as https://huggingface.co',
    );
  });
});
