// One wait for several descriptors.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <span>

namespace freshframe::platform {

/// A descriptor that a thread waits for.
struct Awaited {
  int descriptor;
  bool to_read = true;    // until there is something to read, or the other end has closed it
  bool to_write = false;  // until it takes bytes, or connect() has ended
  bool is_ready =
      false;  // set by wait_for_any(): also at an error of the descriptor, which the next call on it reports
};

/// Waits until one of `descriptors` is ready, `at_most` this long, to the nanosecond where the system can. Sets
/// is_ready of each, and returns whether one is. Returns early, with false, at a signal.
bool wait_for_any(std::span<Awaited> descriptors, std::chrono::nanoseconds at_most);

}  // namespace freshframe::platform
