// What emulation.cpp tells of the block that runs to those who do products of warpgroups (warpgroup.cpp).
#pragma once

#include <cstddef>

namespace simt::products {

// at_once: products are done when they are begun, else when they are waited for.
void begin_block(unsigned threads, char* shared, size_t shared_bytes, bool at_once);
// The four warps of each group have queued the same products.
void look_at_barrier();
// ... and waited for all of them.
void end_block();

// 16 bytes of shared memory are being copied, then the running thread has waited for them: no product may
// read them until it hands them over.
void copy_begins(const void* to);
void copy_arrived(const void* to);

}  // namespace simt::products
