// Trains the run config given as a JSON file, going on where an earlier process left it.
import { readFileSync } from "node:fs";
import { parseConfig, train } from "@outright/trainer";

await train(parseConfig(JSON.parse(readFileSync(process.argv[2], "utf8"))), { resume: true });
