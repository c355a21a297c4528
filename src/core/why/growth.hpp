// How far counters have grown within a window.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/stats.hpp"

#include <algorithm>
#include <cstdint>

namespace freshframe::core {

[[nodiscard]] inline std::uint64_t grown(std::uint64_t now, std::uint64_t before) {
  return now - std::min(now, before);
}

[[nodiscard]] inline std::uint64_t grown(const EdgeStats& now, const EdgeStats& before, DropCause cause) {
  const auto drops = [cause](const EdgeStats& edge) {
    const auto found = edge.drops.find(cause);
    return found == edge.drops.end() ? 0 : found->second;
  };
  return grown(drops(now), drops(before));
}

/// The share of the window that a node was busy.
[[nodiscard]] inline double busy_share(const NodeStats& now, double uptime, const NodeStats& before,
                                       double uptime_before) {
  const double time = uptime - uptime_before;
  return time > 0 ? (now.busy * uptime - before.busy * uptime_before) / time : 0;
}

}  // namespace freshframe::core
