// Deadlines that no simulated clock moves: of networks, libraries and users.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <chrono>

namespace freshframe::core {

/// Returns the moment that long from now, in real time.
[[nodiscard]] inline TimePoint real_deadline(Seconds time) {
  return std::chrono::steady_clock::now() + to_duration(time);
}

}  // namespace freshframe::core
