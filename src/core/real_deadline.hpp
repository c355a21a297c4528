// Deadlines in real time, independent of a simulated clock: for networks, libraries and users.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <chrono>

namespace freshframe::core {

/// Returns the steady_clock's now plus `time`, whatever clock the pipeline has.
[[nodiscard]] inline TimePoint real_deadline(Seconds time) {
  return std::chrono::steady_clock::now() + to_duration(time);
}

}  // namespace freshframe::core
