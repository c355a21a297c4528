// Measures an agent's result rate, and derives the interval between batches. No I/O.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace freshframe::fleet {

/// CLOCK_BOOTTIME, which continues while the machine is suspended.
using BootTime = std::chrono::nanoseconds;

[[nodiscard]] BootTime boot_now() noexcept;

/// Measures the rate of an agent's results, and derives the interval between batches for a reader. At low
/// rates results are sent immediately, because a batch would contain only one anyway. At high rates they are
/// gathered, because the controller's cost is per batch. Not thread-safe.
class Flow {
 public:
  /// `longest`: maximum interval between batches.
  Flow(BootTime longest, BootTime now) noexcept : longest_(longest), noted_(now) {}
  /// `results`: total number so far.
  void note(std::uint64_t results, BootTime now) noexcept;
  [[nodiscard]] BootTime between_batches() const noexcept;

 private:
  BootTime longest_;
  BootTime noted_;
  std::uint64_t results_ = 0;
  double per_second_ = 0;
};

}  // namespace freshframe::fleet
