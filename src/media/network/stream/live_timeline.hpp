// Converts the timestamps of a live stream, which reconnects, to seconds that never decrease.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <algorithm>
#include <optional>

#include "media/live/plausible_step.hpp"

namespace freshframe::media {

/// The first frame is at 0. If the stream has no time, or jumps, and after restart(), the time between two
/// frames is the time between their arrivals, so an outage has its real duration in pts. One thread.
class LiveTimeline {
 public:
  double place(std::optional<double> time, TimePoint captured) {
    const double arrived = begun_ ? std::max(0.0, Seconds(captured - last_captured_).count()) : 0.0;
    const double expected = last_ + arrived;
    if (!time) {
      last_ = expected;
    } else if (!shift_ || *time + *shift_ < last_ - kMostBack || *time + *shift_ > expected + kMostAhead) {
      shift_ = expected - *time;
      last_ = expected;
    } else {
      last_ = std::max(last_, *time + *shift_);
    }
    begun_ = true;
    last_captured_ = captured;
    return last_;
  }

  /// The source's clock starts again (after a reconnect).
  void restart() noexcept { shift_.reset(); }

 private:
  bool begun_ = false;
  double last_ = 0;
  TimePoint last_captured_{};
  std::optional<double> shift_;  // from the stream's time to ours
};

}  // namespace freshframe::media
