// Converts the timestamps of a live stream, which reconnects, to seconds of its source.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

namespace freshframe::media {

// How far the times of a live stream step from one picture to the next, unless its clock begins again.

inline constexpr double kMostBack = 1.0;   // seconds: more than any reordering of pictures
inline constexpr double kMostAhead = 5.0;  // seconds ahead of the arrivals: no buffer holds this much

/// The first picture is at 0. If the stream has no time, or jumps, and after restart(), the time between two
/// pictures is the time between their arrivals, so an outage has its real duration in pts. One thread.
///
/// The frames and the packets of a source have one each, since they come in different orders. They follow each
/// other, so a picture has the same pts in both, whichever output began first or has rested.
class LiveTimeline {
 public:
  /// The timeline of the source's other output, which lives as long.
  void follow(const LiveTimeline& twin) noexcept { twin_ = &twin; }
  /// The pts of the picture that is shown at `time` of the stream. Packets come in the order of decoding, so it may
  /// be before the results of earlier calls. nullopt means the stream has no times.
  double place(std::optional<double> time, TimePoint captured) {
    if (twin_ != nullptr && has_rested()) join(*twin_);
    const double arrived = begun_ ? std::max(0.0, Seconds(captured - last_captured_).count()) : 0.0;
    const double expected = newest_ + arrived;
    // Without times, frames come in display order, and their captures are in decoding order.
    last_captured_ = begun_ ? std::max(last_captured_, captured) : captured;
    begun_ = true;
    if (!time) return newest_ = expected;
    if (!fits(shift_, *time, expected)) {
      const bool has_twin = twin_ != nullptr && fits(twin_->shift_, *time, expected);
      shift_ = has_twin ? *twin_->shift_ : expected - *time;
    }
    const double pts = *time + *shift_;
    newest_ = std::max(newest_, pts);
    return pts;
  }
  /// Places frames, which come in the order of their times: it never decreases.
  double place_rising(std::optional<double> time, TimePoint captured) {
    return highest_ = std::max(highest_, place(time, captured));
  }

  /// The largest pts that place_rising() has returned.
  [[nodiscard]] double highest() const noexcept { return highest_; }
  /// The source's clock starts again (after a reconnect).
  void restart() noexcept { shift_.reset(); }

 private:
  static constexpr TimePoint::duration kRest = std::chrono::seconds(1);

  [[nodiscard]] bool has_rested() const noexcept {
    return twin_->begun_ && (!begun_ || twin_->last_captured_ > last_captured_ + kRest);
  }
  void join(const LiveTimeline& twin) noexcept {
    begun_ = true;
    newest_ = twin.newest_;
    last_captured_ = twin.last_captured_;
    shift_ = twin.shift_;
  }
  [[nodiscard]] bool fits(const std::optional<double>& shift, double time, double expected) const noexcept {
    return shift && time + *shift >= newest_ - kMostBack && time + *shift <= expected + kMostAhead;
  }

  const LiveTimeline* twin_ = nullptr;
  bool begun_ = false;
  double newest_ = 0;
  double highest_ = 0;
  TimePoint last_captured_{};
  std::optional<double> shift_;  // from the stream's time to ours
};

}  // namespace freshframe::media
