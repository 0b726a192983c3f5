// The border between the part of the library that runs on any processor and the part that may not.
#pragma once

#include "outright/backend.h"

extern "C" {
// entry.cpp, compiled for the oldest processor of the architecture
int32_t outright_cpu_score(void);
const char* outright_cpu_reason(void);
// table.cpp, compiled for the variant's instruction set; constant data, safe to hand out
extern const outright_backend outright_cpu_table;
}
