// The clock of an agent, and the rate at which it sends results; arithmetic only.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace freshframe::fleet {

/// By CLOCK_BOOTTIME, which continues while the machine sleeps.
using BootTime = std::chrono::nanoseconds;

[[nodiscard]] BootTime boot_now() noexcept;

/// The rate of an agent's results, and the time between two batches of one reader that follows from it. Few
/// results are sent at once, because a batch would have one of them anyway. Many are gathered, because the
/// controller's work is per batch. One thread at a time.
class Flow {
 public:
  /// `longest`: the most time between two batches.
  Flow(BootTime longest, BootTime now) noexcept : longest_(longest), noted_(now) {}
  /// `results`: how many there have been by now.
  void note(std::uint64_t results, BootTime now) noexcept;
  [[nodiscard]] BootTime between_batches() const noexcept;

 private:
  BootTime longest_;
  BootTime noted_;
  std::uint64_t results_ = 0;
  double per_second_ = 0;
};

}  // namespace freshframe::fleet
