// Waits for several descriptors at the same time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <span>

namespace freshframe::platform {

/// A descriptor to wait for.
struct Awaited {
  int descriptor;
  bool to_read = true;    // wait until it is readable or the peer has closed it
  bool to_write = false;  // wait until it is writable or connect() has finished
  bool is_ready =
      false;  // set by wait_for_any(): also at an error of the descriptor, which the next call on it reports
};

/// Waits until one of `descriptors` is ready, but no longer than `at_most`, with nanosecond precision where
/// supported. Sets is_ready of each and returns whether any is. A signal makes it return false early.
bool wait_for_any(std::span<Awaited> descriptors, std::chrono::nanoseconds at_most);

}  // namespace freshframe::platform
