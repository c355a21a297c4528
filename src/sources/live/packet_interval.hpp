// Measures the time between the packets of a live stream.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

namespace freshframe::media {

/// Not thread-safe.
class PacketInterval {
 public:
  void begin_stream(TimePoint now) noexcept { last_ = now; }
  void note(TimePoint arrived) noexcept {
    constexpr double kWeight = 0.1;
    const double interval = Seconds(arrived - last_).count();
    seconds_ = seconds_ == 0 ? interval : seconds_ + kWeight * (interval - seconds_);
    last_ = arrived;
  }
  /// Smoothed; 0 if unknown.
  [[nodiscard]] double seconds() const noexcept { return seconds_; }
  /// Arrival of the last packet, or the start.
  [[nodiscard]] TimePoint last() const noexcept { return last_; }

 private:
  TimePoint last_{};
  double seconds_ = 0;
};

}  // namespace freshframe::media
