# Builds the sources of CMakeLists.txt for those who lack cmake: `pnpm --filter @outright/native run build:gyp`.
# Each backend is a static library of kernels, compiled for its instruction set, and entry.cpp, which is not.
{
  "variables": {
    "cpu_sources": [
      "cpu/activation.cpp",
      "cpu/allocator.cpp",
      "cpu/attention.cpp",
      "cpu/device.cpp",
      "cpu/embedding.cpp",
      "cpu/head.cpp",
      "cpu/linear.cpp",
      "cpu/losses.cpp",
      "cpu/matmul_onednn.cpp",
      "cpu/matmul_portable.cpp",
      "cpu/memory.cpp",
      "cpu/norm.cpp",
      "cpu/optimizer.cpp",
      "cpu/rotary.cpp",
      "cpu/rows.cpp",
      "cpu/table.cpp",
      "cpu/thread_pool.cpp",
    ],
    "exports": "-Wl,--version-script=<(module_root_dir)/cpu/exports.map",
  },
  "target_defaults": {
    "include_dirs": ["include"],
    "cflags": ["-Wall", "-Wextra", "-Wno-psabi", "-ffp-contract=off", "-fPIC", "-fvisibility=hidden"],
    "cflags_cc": ["-std=c++20", "-O3", "-fvisibility-inlines-hidden"],
    "cflags!": ["-fno-exceptions"],
    "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
  },
  "targets": [
    {
      "target_name": "outright",
      "sources": ["napi/addon.cpp", "napi/backends.cpp", "napi/device.cpp", "napi/operations.cpp"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NAPI_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
    },
  ],
  "conditions": [
    ['target_arch=="x64"', {
      "targets": [
        {
          "target_name": "outright_cpu_baseline_kernels",
          "type": "static_library",
          "sources": ["<@(cpu_sources)"],
          "defines": ['OUTRIGHT_VARIANT="baseline"', 'OUTRIGHT_INSTRUCTIONS="SSE2"'],
        },
        {
          "target_name": "outright_cpu_baseline",
          "type": "shared_library",
          "product_prefix": "",
          "sources": ["cpu/entry.cpp"],
          "defines": ['OUTRIGHT_VARIANT="baseline"', 'OUTRIGHT_INSTRUCTIONS="SSE2"'],
          "dependencies": ["outright_cpu_baseline_kernels"],
          "ldflags": ["<(exports)"],
        },
        {
          "target_name": "outright_cpu_avx2_kernels",
          "type": "static_library",
          "sources": ["<@(cpu_sources)"],
          "defines": ['OUTRIGHT_VARIANT="avx2"', 'OUTRIGHT_INSTRUCTIONS="AVX2 and FMA"', "OUTRIGHT_NEEDS_AVX2"],
          "cflags": ["-mavx2", "-mfma", "-mbmi", "-mbmi2"],
        },
        {
          "target_name": "outright_cpu_avx2",
          "type": "shared_library",
          "product_prefix": "",
          "sources": ["cpu/entry.cpp"],
          "defines": ['OUTRIGHT_VARIANT="avx2"', 'OUTRIGHT_INSTRUCTIONS="AVX2 and FMA"', "OUTRIGHT_NEEDS_AVX2"],
          "dependencies": ["outright_cpu_avx2_kernels"],
          "ldflags": ["<(exports)"],
        },
        {
          "target_name": "outright_cpu_avx512_kernels",
          "type": "static_library",
          "sources": ["<@(cpu_sources)"],
          "defines": ['OUTRIGHT_VARIANT="avx512"', 'OUTRIGHT_INSTRUCTIONS="AVX-512"', "OUTRIGHT_NEEDS_AVX512"],
          "cflags": ["-mavx2", "-mfma", "-mbmi", "-mbmi2", "-mavx512f", "-mavx512bw", "-mavx512cd", "-mavx512dq", "-mavx512vl"],
        },
        {
          "target_name": "outright_cpu_avx512",
          "type": "shared_library",
          "product_prefix": "",
          "sources": ["cpu/entry.cpp"],
          "defines": ['OUTRIGHT_VARIANT="avx512"', 'OUTRIGHT_INSTRUCTIONS="AVX-512"', "OUTRIGHT_NEEDS_AVX512"],
          "dependencies": ["outright_cpu_avx512_kernels"],
          "ldflags": ["<(exports)"],
        },
      ],
    }],
    ['target_arch=="arm64"', {
      "targets": [
        {
          "target_name": "outright_cpu_neon_kernels",
          "type": "static_library",
          "sources": ["<@(cpu_sources)"],
          "defines": ['OUTRIGHT_VARIANT="neon"', 'OUTRIGHT_INSTRUCTIONS="NEON"'],
        },
        {
          "target_name": "outright_cpu_neon",
          "type": "shared_library",
          "product_prefix": "",
          "sources": ["cpu/entry.cpp"],
          "defines": ['OUTRIGHT_VARIANT="neon"', 'OUTRIGHT_INSTRUCTIONS="NEON"'],
          "dependencies": ["outright_cpu_neon_kernels"],
          "ldflags": ["<(exports)"],
        },
      ],
    }],
  ],
}
