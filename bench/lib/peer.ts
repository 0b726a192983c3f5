/** Finds a Python with PyTorch for the other side of the step benchmark, and starts it with the allocator that suits it. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Participant } from "./participant.js";

/** dist/lib → peer/ */
const PEER = join(import.meta.dirname, "../../peer");

export interface Python {
  path: string;
  versions: string;
}

/**
 * The Python named, or OUTRIGHT_PEER_PYTHON, or python3.
 * @throws one line saying what is missing; where none was named, that is a reason to skip the comparison
 */
export function findPython(named: string | undefined): Python {
  const path = named ?? process.env.OUTRIGHT_PEER_PYTHON ?? "python3";
  const probe =
    "import torch, transformers; print(f'torch {torch.__version__}, transformers {transformers.__version__}')";
  try {
    const versions = execFileSync(path, ["-c", probe], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    return { path, versions: versions.trim() };
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    const last = (stderr || message).trim().split("\n").at(-1);
    throw new Error(`${path}: ${last}; --python names a Python with torch and transformers`);
  }
}

export type Allocator = "default" | "glibc" | "tcmalloc" | "jemalloc";

/**
 * glibc gives large blocks back to the system at each free and gets them zeroed again page by page, which costs PyTorch
 * on a CPU more than half its speed. "glibc" here keeps them; tcmalloc and jemalloc, where they are installed, do so too.
 */
export function allocatorEnvironment(allocator: Allocator): Record<string, string> | null {
  switch (allocator) {
    case "default":
      return {};
    case "glibc":
      return {
        MALLOC_MMAP_MAX_: "0",
        MALLOC_TRIM_THRESHOLD_: String(2 ** 40),
        MALLOC_TOP_PAD_: String(64 * 2 ** 20),
        BENCH_ALLOCATOR: "glibc malloc that keeps its memory",
      };
    case "tcmalloc":
      return preload(["libtcmalloc_minimal.so.4", "libtcmalloc.so.4"]);
    case "jemalloc":
      return preload(["libjemalloc.so.2"]);
  }
}

function preload(names: readonly string[]): Record<string, string> | null {
  const folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/local/lib"];
  const path = folders
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find((file) => existsSync(file));
  return path === undefined ? null : { LD_PRELOAD: path };
}

/** @param script step.py or trl_step.py */
export function startPeer(
  name: string,
  python: Python,
  script: string,
  environment: Record<string, string>,
): Participant {
  return new Participant(name, python.path, [join(PEER, script)], {
    TOKENIZERS_PARALLELISM: "false",
    HF_HUB_OFFLINE: "1",
    ...environment,
  });
}
