// Loaded by `node --import`: the process kills itself at one exact change of the file system, so that a test can visit
// every moment at which a run can die. What the change would do is half done where it has halves: a write writes half
// of its bytes, removing a folder removes one file of it.
//
//   OUTRIGHT_TEST_CRASH_IN     the folder whose changes count
//   OUTRIGHT_TEST_CRASH_FROM   counting begins with the first change whose name, such as "rename run/config.yaml",
//                              this regular expression finds
//   OUTRIGHT_TEST_CRASH_AT     the number of the change, from 1
//
// The change is named on standard error before the process dies.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join, relative } from "node:path";

const folder = process.env.OUTRIGHT_TEST_CRASH_IN;
const from = new RegExp(process.env.OUTRIGHT_TEST_CRASH_FROM ?? "");
const last = Number(process.env.OUTRIGHT_TEST_CRASH_AT);
/** Of the many writes of one file of weights, the first two stand for all. */
const WRITES_COUNTED = 2;

const original = { ...fs };
/** by descriptor: path, and writes so far */
const opened = new Map();
let counting = false;
let changes = 0;
let whole = false;

function isLast(what, path) {
  if (whole || !String(path).startsWith(folder)) return false;
  counting ||= from.test(named(what, path));
  return counting && ++changes === last;
}

/** "rename run/config.yaml" */
function named(what, path) {
  return `${what} ${relative(folder, String(path))}`;
}

function die(what, path) {
  original.writeSync(2, `died at change ${changes}: ${named(what, path)}\n`);
  process.kill(process.pid, "SIGKILL");
}

fs.openSync = (path, flags, mode) => {
  const writes = typeof flags === "string" && /[wa+]/.test(flags);
  if (writes && isLast("open", path)) die("open", path);
  const descriptor = original.openSync(path, flags, mode);
  if (writes) opened.set(descriptor, { path: String(path), writes: 0 });
  else opened.delete(descriptor);
  return descriptor;
};

fs.writeSync = (descriptor, data, offset, length, position) => {
  const file = opened.get(descriptor);
  if (file !== undefined) {
    file.writes++;
    const counts = !file.path.includes(".safetensors") || file.writes <= WRITES_COUNTED;
    if (counts && isLast("write", file.path)) {
      original.writeSync(descriptor, data, offset ?? 0, (length ?? data.length) >> 1, position);
      die("write", file.path);
    }
  }
  return original.writeSync(descriptor, data, offset, length, position);
};

fs.writeFileSync = (path, data, options) => {
  if (isLast("write", path)) {
    original.writeFileSync(path, data.slice(0, data.length >> 1), options);
    die("write", path);
  }
  // it may be made of the others, which then are no changes of their own
  whole = true;
  try {
    return original.writeFileSync(path, data, options);
  } finally {
    whole = false;
  }
};

fs.rmSync = (path, options) => {
  if (original.existsSync(path) && isLast("remove", path)) {
    if (original.statSync(path).isDirectory()) {
      const [first] = original.readdirSync(path);
      if (first !== undefined) original.rmSync(join(path, first), { recursive: true });
    }
    die("remove", path);
  }
  return original.rmSync(path, options);
};

for (const what of ["rename", "link"]) {
  const change = original[`${what}Sync`];
  fs[`${what}Sync`] = (source, target) => {
    if (isLast(what, target)) die(what, target);
    return change(source, target);
  };
}

fs.mkdirSync = (path, options) => {
  if (isLast("mkdir", path)) die("mkdir", path);
  return original.mkdirSync(path, options);
};

fs.ftruncateSync = (descriptor, length) => {
  const file = opened.get(descriptor);
  if (file !== undefined && isLast("truncate", file.path)) die("truncate", file.path);
  return original.ftruncateSync(descriptor, length);
};

syncBuiltinESMExports();
