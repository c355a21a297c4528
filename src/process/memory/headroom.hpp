// How much memory can be allocated before the OOM killer acts.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

namespace freshframe::process {

/// Bytes that this process may still use: the minimum left in the machine and in every control group above
/// it. Caches of files count as free. `root` is the folder of /proc and /sys, for tests.
///
/// The memory of a memfd is charged to the control group. Beyond its limit the OOM killer ends a process,
/// without an error for the caller (tried), so the limit must be checked before.
[[nodiscard]] std::size_t memory_headroom(const std::string& root = "");
/// The number of processes killed by the machine's OOM killer so far; 0 if unknown.
[[nodiscard]] std::size_t oom_kills(const std::string& root = "");

}  // namespace freshframe::process
