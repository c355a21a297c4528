// Converts the timestamps of a live stream, which reconnects, to seconds of its source.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <algorithm>
#include <optional>

#include "media/live/plausible_step.hpp"

namespace freshframe::media {

/// The first picture is at 0. If the stream has no time, or jumps, and after restart(), the time between two
/// pictures is the time between their arrivals, so an outage has its real duration in pts. One thread.
class LiveTimeline {
 public:
  /// The pts of the picture that is shown at `time` of the stream. Packets come in the order of decoding, so it
  /// may be before those of earlier calls. nullopt: the stream has no times.
  double place(std::optional<double> time, TimePoint captured) {
    const double arrived = begun_ ? std::max(0.0, Seconds(captured - last_captured_).count()) : 0.0;
    const double expected = newest_ + arrived;
    begun_ = true;
    last_captured_ = captured;
    if (!time) return newest_ = expected;
    if (!shift_ || *time + *shift_ < newest_ - kMostBack || *time + *shift_ > expected + kMostAhead) {
      shift_ = expected - *time;
      return newest_ = expected;
    }
    const double pts = *time + *shift_;
    newest_ = std::max(newest_, pts);
    return pts;
  }
  /// The same for frames, which come in the order of their times: it never decreases.
  double place_rising(std::optional<double> time, TimePoint captured) {
    place(time, captured);
    return newest_;
  }

  /// The largest pts so far.
  [[nodiscard]] double newest() const noexcept { return newest_; }
  /// The source's clock starts again (after a reconnect).
  void restart() noexcept { shift_.reset(); }

 private:
  bool begun_ = false;
  double newest_ = 0;
  TimePoint last_captured_{};
  std::optional<double> shift_;  // from the stream's time to ours
};

}  // namespace freshframe::media
