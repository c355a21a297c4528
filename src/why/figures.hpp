// Formats numbers for findings.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/stats.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/unit_text.hpp"

namespace freshframe::core {

[[nodiscard]] inline std::string fixed_text(double value, int digits = 0) {
  return number_text(value, std::chars_format::fixed, digits);
}

/// "67 ms", "0.4 ms", "2.4 s"
[[nodiscard]] inline std::string time_text(double seconds) {
  if (seconds >= 1) return fixed_text(seconds, 1) + " s";
  return fixed_text(seconds * 1e3, std::abs(seconds) < 0.01 ? 1 : 0) + " ms";
}

/// "226 of the 281 ms"
[[nodiscard]] inline std::string share_text(double part, double whole) {
  if (whole >= 1) return fixed_text(part, 1) + " of the " + fixed_text(whole, 1) + " s";
  return fixed_text(part * 1e3) + " of the " + fixed_text(whole * 1e3) + " ms";
}

[[nodiscard]] inline std::string percent_text(double share) {
  return fixed_text(100 * std::min(1.0, share)) + " %";
}

/// "A", "A and B", "A, B and C"
[[nodiscard]] inline std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string_view before = i == 0 ? "" : i + 1 == names.size() ? " and " : ", ";
    text += std::string(before) + names[i];
  }
  return text;
}

// Growth of counters within a window.

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

/// Returns the share of the window in which a node was busy.
[[nodiscard]] inline double busy_share(const NodeStats& now, double uptime, const NodeStats& before,
                                       double uptime_before) {
  const double time = uptime - uptime_before;
  return time > 0 ? (now.busy * uptime - before.busy * uptime_before) / time : 0;
}

}  // namespace freshframe::core
