// The machine that the program runs on: its processors, its name and its addresses.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace freshframe::platform {

/// Returns the number of processors that this process may use, by its affinity and the quotas of its control groups, at
/// least 1. `root`: the folder of /sys and /proc.
[[nodiscard]] int usable_processors(const std::string& root = "");

/// Returns the time since the machine was started, which goes on while it sleeps and which nobody sets.
[[nodiscard]] std::chrono::nanoseconds time_since_boot() noexcept;

/// Returns the machine's name in its network, or an empty text if it has none.
[[nodiscard]] std::string host_name();

/// Returns the addresses of its network interfaces that are up, without loopback and link-local ones: IPv4, followed by
/// IPv6 if `six`. Empty if the system does not list them.
[[nodiscard]] std::vector<std::string> interface_addresses(bool six);

/// Returns whether a path, by any of its names, is a device of the system's video drivers.
[[nodiscard]] bool is_video_device(const std::string& path) noexcept;

}  // namespace freshframe::platform
