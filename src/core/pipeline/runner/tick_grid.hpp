// The times at which a node's on_tick() is due: every `period` since the start of the pipeline.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstdint>
#include <optional>

namespace freshframe::core {

/// A tick, and the number of earlier ticks that were due but are skipped.
struct Tick {
  TimePoint at;
  std::uint64_t missed = 0;
};

/// The grid is `start` + k * `period` for k = 1, 2, ... Not thread-safe.
class TickGrid {
 public:
  TickGrid(TimePoint start, TimePoint::duration period) : start_(start), period_(period) {}

  [[nodiscard]] TimePoint next() const noexcept { return start_ + (taken_ + 1) * period_; }
  /// Returns the latest tick that is due, or nullopt.
  std::optional<Tick> take(TimePoint now) noexcept {
    if (now < next()) return std::nullopt;
    const auto number = (now - start_) / period_;
    const Tick tick{start_ + number * period_, static_cast<std::uint64_t>(number - taken_ - 1)};
    taken_ = number;
    return tick;
  }

 private:
  TimePoint start_;
  TimePoint::duration period_;
  TimePoint::rep taken_ = 0;  // number of the last tick
};

}  // namespace freshframe::core
