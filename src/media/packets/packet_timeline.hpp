// The times of a live stream's packets in the seconds of its source.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <algorithm>
#include <optional>

#include "media/live/plausible_step.hpp"

namespace freshframe::media {

/// Decides by how much a stream's own times are shifted, as LiveTimeline does for the frames, but by packets: it
/// never clamps a picture that is shown before others which are decoded earlier. One thread.
class PacketTimeline {
 public:
  /// Returns the pts of the packet whose picture is shown at `time` of the stream. nullopt: the stream has no
  /// times.
  double place(std::optional<double> time, TimePoint captured) {
    const double arrived = begun_ ? std::max(0.0, Seconds(captured - last_captured_).count()) : 0.0;
    const double expected = last_ + arrived;
    begun_ = true;
    last_captured_ = captured;
    if (!time) return last_ = expected;
    if (!shift_ || *time + *shift_ < last_ - kMostBack || *time + *shift_ > expected + kMostAhead) {
      shift_ = expected - *time;
      return last_ = expected;
    }
    const double pts = *time + *shift_;
    last_ = std::max(last_, pts);
    return pts;
  }

  /// The stream's clock starts again (after a reconnect).
  void restart() noexcept { shift_.reset(); }

 private:
  bool begun_ = false;
  double last_ = 0;  // the largest pts so far
  TimePoint last_captured_{};
  std::optional<double> shift_;
};

}  // namespace freshframe::media
