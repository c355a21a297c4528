// How much processor time threads have had, and how long they waited for a processor.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace freshframe::core {

/// Seconds since its beginning.
struct ThreadTimes {
  double computed = 0;  // on a processor
  double waited = 0;    // ready to run, without one
};

/// `task`: its folder, such as /proc/self/task/4711. nullopt means it has ended, or the kernel does not count
/// (gVisor, CONFIG_SCHED_INFO off).
[[nodiscard]] std::optional<ThreadTimes> thread_times(const std::string& task);

// For how long threads were ready to run and had no processor.

/// Seconds since the beginning of each thread, by its number in the kernel. Two snapshots can be subtracted.
struct RunQueue {
  std::map<int, double> waited;     // empty means the kernel does not tell (gVisor, CONFIG_SCHED_INFO off)
  std::map<int, int> node_threads;  // by the number of the node

  /// Since `before`, of the threads that are in both: of a node, and of all.
  [[nodiscard]] double of_node(const RunQueue& before, int node) const;
  [[nodiscard]] double of_all(const RunQueue& before) const;
};

/// The threads of this process and of others, read from /proc/PID/task/TID/schedstat: 5 microseconds per thread.
[[nodiscard]] RunQueue read_run_queue(const std::vector<int>& other_processes);

}  // namespace freshframe::core
