// The times at which a node's on_tick() is due: a grid that begins with the pipeline.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <cstdint>
#include <optional>

namespace freshframe::core {

/// One tick, and how many before it were due and are left out.
struct Tick {
  TimePoint at;
  std::uint64_t missed = 0;
};

/// `start` + k x `period` for k = 1, 2, ... One thread.
class TickGrid {
 public:
  TickGrid(TimePoint start, TimePoint::duration period) : start_(start), period_(period) {}

  [[nodiscard]] TimePoint next() const noexcept { return start_ + (taken_ + 1) * period_; }
  /// The latest tick that is due; nullopt means none.
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
  TimePoint::rep taken_ = 0;  // the number of the last tick
};

}  // namespace freshframe::core
