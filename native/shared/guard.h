// Operations as the C ABI calls them: exceptions end here, each becomes a status and a line for last_error().
#pragma once

#include <exception>
#include <new>
#include <string>

#include "failure.h"

namespace outright {

// The message of a failure without a device, such as one to open.
inline thread_local std::string lost_error;

template <typename Body>
outright_status guarded(std::string& error, const Body& body) noexcept {
  try {
    try {
      body();
      return OUTRIGHT_OK;
    } catch (const Failure& failure) {
      error = failure.message;
      return failure.status;
    } catch (const std::bad_alloc&) {
      error = "out of memory in a kernel's own bookkeeping";
      return OUTRIGHT_OUT_OF_MEMORY;
    } catch (const std::exception& failure) {
      error = failure.what();
      return OUTRIGHT_INTERNAL;
    }
  } catch (...) {  // there was no memory left for the message
    return OUTRIGHT_OUT_OF_MEMORY;
  }
}

// An operation as the C ABI calls it; outright_device is the backend's.
template <auto operation>
struct Entry;
template <typename... Arguments, void (*operation)(outright_device&, Arguments...)>
struct Entry<operation> {
  static outright_status call(outright_device* device, Arguments... arguments) {
    if (!device) {
      lost_error = "the device is missing";
      return OUTRIGHT_INVALID;
    }
    return guarded(device->error, [&] { operation(*device, arguments...); });
  }
};

}  // namespace outright
