// How much memory is left before the kernel's OOM killer acts.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

namespace freshframe::process {

/// Bytes that this process may still use: the least that the machine and every control group above it have
/// left. Caches of files count as free. `root` is where /proc and /sys lie, for tests.
///
/// Memory of a file in memory is charged to the control group; beyond its limit the OOM killer ends a process
/// instead of an error coming back (tried), so one must ask before.
[[nodiscard]] std::size_t memory_headroom(const std::string& root = "");
/// How many processes the machine's OOM killer has ended so far; 0 where that cannot be told.
[[nodiscard]] std::size_t oom_kills(const std::string& root = "");

}  // namespace freshframe::process
