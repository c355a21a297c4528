// Limits how long a woken source decodes everything.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <algorithm>
#include <atomic>
#include <limits>

namespace freshframe::media {

/// Later calls never shorten the time.
class WakeLimit {
 public:
  // Thread-safe:
  /// Stays awake for this time, counted from the next stay_awake().
  void wake_for(Seconds time) noexcept { raise(asked_, time.count()); }
  /// Stays awake up to the frame with this pts.
  void wake_until(double pts) noexcept { raise(pts_, pts); }

  // Called on the source's thread:
  /// `newest`: pts of the newest frame.
  [[nodiscard]] bool stay_awake(TimePoint now, double newest) noexcept {
    if (const double asked = asked_.exchange(kNothing); asked > 0)
      until_ = std::max(until_, now + to_duration(Seconds(asked)));
    return now < until_ || newest < pts_.load();
  }

 private:
  static constexpr double kNothing = -std::numeric_limits<double>::infinity();

  static void raise(std::atomic<double>& limit, double to) noexcept {
    for (double now = limit.load(); now < to && !limit.compare_exchange_weak(now, to);) {
    }
  }

  std::atomic<double> asked_{kNothing};
  std::atomic<double> pts_{kNothing};
  TimePoint until_ = TimePoint::min();
};

}  // namespace freshframe::media
