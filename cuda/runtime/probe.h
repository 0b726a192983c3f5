// Is there a GPU that this library can run on?
#pragma once

#include <cstdint>
#include <string>

namespace outright::cuda {

// Why the GPU of this index cannot be used, in one line; "" where it can. Safe anywhere.
std::string obstacle_to(int index);

int32_t score();
const char* reason();

}  // namespace outright::cuda
