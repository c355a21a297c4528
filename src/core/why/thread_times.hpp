// The times of one thread, as the kernel counts them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace freshframe::core {

/// Seconds since its beginning.
struct ThreadTimes {
  double computed = 0;  // on a processor
  double waited = 0;    // ready to run, without one
};

/// `task`: its folder, such as /proc/self/task/4711. nullopt: it has ended, or the kernel does not count (gVisor,
/// CONFIG_SCHED_INFO off).
[[nodiscard]] std::optional<ThreadTimes> thread_times(const std::string& task);

}  // namespace freshframe::core
