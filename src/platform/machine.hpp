// The machine that the program runs on: CPUs, host name and network addresses.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace freshframe::platform {

/// Returns the number of CPUs that this process may use, considering its affinity and cgroup quotas; at least
/// 1. `root`: prefix of /sys and /proc, for tests.
[[nodiscard]] int usable_processors(const std::string& root = "");

/// Returns the time since boot, which includes suspended time and cannot be set.
[[nodiscard]] std::chrono::nanoseconds time_since_boot() noexcept;

/// Returns the host name, or an empty string.
[[nodiscard]] std::string host_name();

/// Returns the addresses of network interfaces that are up, except loopback and link-local ones: IPv4 and,
/// with `six`, IPv6 after that. Empty if the system does not list them.
[[nodiscard]] std::vector<std::string> interface_addresses(bool six);

/// Returns true if a path, by any of its names, is a video device.
[[nodiscard]] bool is_video_device(const std::string& path) noexcept;

}  // namespace freshframe::platform
