#!/usr/bin/env bash
# Everything that needs a GPU, in one call and without network:
#
#   cuda/check.sh [--out FILE] [--quick] [--only build,operations,sanitizers,goldens,training,benchmarks]
#
# Builds the backends and the operation test, runs it on the CUDA backend, again under compute-sanitizer on a short
# list, trains for 200 steps on the GPU and on the CPU and compares their losses, and runs the benchmarks, beside PyTorch and
# TRL where they are found. Writes one JSON (default: cuda-check.json) and ends with "N passed, M failed, K skipped".
#
# In the repository after `npm run build`, or in a folder that scripts/pack-gpu-host.mjs made, which brings its Node.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ -f node.tar.xz ] && [ ! -x node/bin/node ]; then
  mkdir -p node && tar -xJf node.tar.xz -C node
fi
if [ -x node/bin/node ]; then
  PATH="$PWD/node/bin:$PATH"
fi
command -v node >/dev/null || { echo "cuda/check.sh: no node here; make a folder with scripts/pack-gpu-host.mjs" >&2; exit 2; }
exec node cuda/test/check.mjs "$@"
