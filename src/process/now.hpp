// The time of the steady clock, for waits that a simulated clock cannot shorten: those for other processes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <chrono>

namespace freshframe::process {

inline TimePoint now() {
  return std::chrono::steady_clock::now();
}

}  // namespace freshframe::process
