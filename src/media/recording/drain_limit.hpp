// The moment after a stop at which a recorder gives up the frames that its encoder still holds.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/node.hpp"

#include <atomic>
#include <functional>
#include <limits>
#include <stop_token>

#include "core/drain_time.hpp"

namespace freshframe::media {

/// Made in open(); lives no longer than the node's context. Any thread.
class DrainLimit {
 public:
  explicit DrainLimit(const Context& context)
      : clock_(context.clock), on_stop_(context.stop, [this] { stopped_ = ticks(clock_.now()); }) {}

  /// Whether the time has passed: false before a stop, and after it as long as there is time.
  [[nodiscard]] bool passed() const {
    const auto stopped = stopped_.load();
    if (stopped == kNever) return false;
    const auto most = to_duration(core::kDrainTime + core::kEncoderDrainTime);
    return ticks(clock_.now()) - stopped >= most.count();
  }

 private:
  static constexpr TimePoint::rep kNever = std::numeric_limits<TimePoint::rep>::min();

  static TimePoint::rep ticks(TimePoint time) { return time.time_since_epoch().count(); }

  const Clock& clock_;
  std::atomic<TimePoint::rep> stopped_{kNever};
  std::stop_callback<std::function<void()>> on_stop_;
};

}  // namespace freshframe::media
