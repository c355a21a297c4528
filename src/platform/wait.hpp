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
  /// Set by wait_for_any(). Also true after an error, which the next read or write of the descriptor reports.
  bool is_ready = false;
};

/// Waits until one of `descriptors` is ready, but no longer than `at_most`, with nanosecond precision where
/// supported. Sets is_ready of each, and returns true if any is. A signal makes it return false early.
bool wait_for_any(std::span<Awaited> descriptors, std::chrono::nanoseconds at_most);

}  // namespace freshframe::platform
