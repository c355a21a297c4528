// Decides whether and when a dead worker is restarted.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>

namespace freshframe::process {

/// Counts the deaths of a node's workers within a time window.
class Deaths {
 public:
  Deaths(int most, Seconds window) : most_(static_cast<std::size_t>(most)), window_(to_duration(window)) {}

  /// Counts a death. Returns false if there were too many.
  bool count(TimePoint now) {
    times_.push_back(now);
    while (now - times_.front() > window_) times_.pop_front();
    return times_.size() <= most_;
  }
  [[nodiscard]] std::size_t in_window() const noexcept { return times_.size(); }

 private:
  std::size_t most_;
  TimePoint::duration window_;
  std::deque<TimePoint> times_;
};

/// The delay doubles with each death. A delivered result resets it.
class BackOff {
 public:
  [[nodiscard]] TimePoint::duration next() noexcept {
    const auto now = delay_;
    delay_ = std::min(2 * delay_, kLongest);
    return now;
  }
  void reset() noexcept { delay_ = kShortest; }

 private:
  static constexpr TimePoint::duration kShortest = std::chrono::milliseconds(100);
  static constexpr TimePoint::duration kLongest = std::chrono::seconds(5);
  TimePoint::duration delay_ = kShortest;
};

}  // namespace freshframe::process
