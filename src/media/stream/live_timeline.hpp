// Converts a live stream's timestamps to seconds that continue across reconnections.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

namespace freshframe::media {

// How far timestamps may step from one frame to the next; beyond that, the stream's clock has restarted.

inline constexpr double kMostBack = 1.0;   // seconds; more than any reordering of frames
inline constexpr double kMostAhead = 5.0;  // seconds ahead of the arrivals: buffers do not hold more

/// The first frame is at 0. If timestamps are missing or jump, and after restart(), the interval between
/// frames is that of their arrivals, so an outage has its real duration in pts. Not thread-safe.
///
/// A source's frames and packets have a timeline each, since they are in different orders. The two follow
/// each other, so that a frame has the same pts in both, regardless of which output started first or was
/// idle.
class LiveTimeline {
 public:
  /// `twin`: timeline of the source's other output, with the same lifetime.
  void follow(const LiveTimeline& twin) noexcept { twin_ = &twin; }
  /// Returns the pts of the frame with this timestamp. Packets are in decoding order, so results may
  /// decrease. nullopt means that the stream has no timestamps.
  double place(std::optional<double> time, TimePoint captured) {
    if (twin_ != nullptr && has_rested()) join(*twin_);
    const double arrived = begun_ ? std::max(0.0, Seconds(captured - last_captured_).count()) : 0.0;
    const double expected = newest_ + arrived;
    // Without timestamps, frames are in display order but capture times in decoding order.
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
  /// Like place(), for frames in display order: results never decrease.
  double place_rising(std::optional<double> time, TimePoint captured) {
    return highest_ = std::max(highest_, place(time, captured));
  }

  /// The highest pts that place_rising() has returned.
  [[nodiscard]] double highest() const noexcept { return highest_; }
  /// Call when the source's clock restarts, after a reconnection.
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
  std::optional<double> shift_;  // seconds to add to the stream's timestamps to get pts
};

}  // namespace freshframe::media
