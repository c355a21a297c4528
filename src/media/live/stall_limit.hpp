// The time after which a silent live source is shown as stalled.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

namespace freshframe::media {

/// Seconds without a packet before a stall: 1 s, or four intervals in a stream of few frames, and at most
/// half of `limit`, after which the source counts as lost. `interval`: seconds between two packets, 0 when it
/// is not known.
[[nodiscard]] inline double quiet_limit(double interval, double limit) {
  constexpr double kLeast = 1.0;
  constexpr double kIntervals = 4.0;
  return std::min(std::max(kLeast, kIntervals * interval), limit / 2);
}

}  // namespace freshframe::media
