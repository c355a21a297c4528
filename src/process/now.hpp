// The steady clock, for waits on other processes, which a simulated clock cannot shorten.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <chrono>

namespace freshframe::process {

inline TimePoint now() {
  return std::chrono::steady_clock::now();
}

}  // namespace freshframe::process
