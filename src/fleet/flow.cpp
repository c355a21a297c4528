// An exponential average, of which the last half second is the most.
// SPDX-License-Identifier: Apache-2.0
#include "fleet/flow.hpp"

#include "freshframe/clock.hpp"

#include <algorithm>
#include <cmath>

namespace freshframe::fleet {
namespace {

constexpr double kMemory = 0.5;  // seconds
// Seconds between two batches for each result per second. 60 results per second are as good as not gathered (5 ms
// between two), 500 make batches of 20.
constexpr double kSecondsPerRate = 80e-6;

}  // namespace

void Flow::note(std::uint64_t results, BootTime now) noexcept {
  const double seconds = Seconds(now - noted_).count();
  if (!(seconds > 0)) return;
  const double rate = static_cast<double>(results - results_) / seconds;
  per_second_ += (1 - std::exp(-seconds / kMemory)) * (rate - per_second_);
  noted_ = now;
  results_ = results;
}

BootTime Flow::between_batches() const noexcept {
  const auto time = std::chrono::duration_cast<BootTime>(Seconds(per_second_ * kSecondsPerRate));
  return std::min(longest_, time);
}

}  // namespace freshframe::fleet
