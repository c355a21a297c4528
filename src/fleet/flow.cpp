// Measures an agent's result rate, and derives the interval between batches.
// SPDX-License-Identifier: Apache-2.0
#include "fleet/flow.hpp"

#include "freshframe/clock.hpp"

#include <algorithm>
#include <cmath>

#include "platform/machine.hpp"

namespace freshframe::fleet {

BootTime boot_now() noexcept {
  return platform::time_since_boot();
}

namespace {

constexpr double kMemory = 0.5;  // seconds
// The interval between batches, in seconds per (result per second). At 60 results per second it is 7.5 ms, in
// which rarely two arrive. At 480 it reaches the maximum of AgentOptions, with 29 results per batch.
constexpr double kSecondsPerRate = 125e-6;

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
