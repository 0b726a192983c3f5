// Runs in a namespace where `disk` is a small tmpfs: trains until it is full, frees space, goes on. Prints JSON.
//   node full-disk-child.mjs COMMAND CONFIG DISK FREE_BYTES
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [command, config, disk, freeBytes] = process.argv.slice(2);
const train = (...more) => {
  const { status, signal, stderr } = spawnSync(process.execPath, [command, "train", config, ...more], {
    encoding: "utf8",
  });
  return { code: status, signal, stdout: "", stderr };
};
const { bavail, bsize } = statfsSync(disk);
const ballast = join(disk, "ballast");
writeFileSync(ballast, Buffer.alloc(bavail * bsize - Number(freeBytes)));
const full = train();
const left = readdirSync(join(disk, "run"), { recursive: true }).sort();
rmSync(ballast);
const resumed = train("--resume");
const model = readFileSync(join(disk, "run/model/model.safetensors"));
console.log(JSON.stringify({ full, left, resumed, model: createHash("sha256").update(model).digest("hex") }));
