// Converts a stream's timestamps to seconds that never decrease.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <limits>
#include <optional>

namespace freshframe::media {

/// One per stream; not thread-safe. A missing timestamp is placed one step after the last, and one slightly
/// before the last becomes equal to it. A jump back (concatenated files), a jump of more than `leap` seconds
/// ahead, and restart() each start a new section one step after the last frame.
class Timeline {
 public:
  /// `step`: seconds between frames if the stream does not say.
  explicit Timeline(double step, double leap = std::numeric_limits<double>::infinity())
      : step_(step), leap_(leap) {}

  double place(std::optional<double> time) {
    if (!begun_) {
      begun_ = true;
      last_ = time.value_or(0.0);
      return last_;
    }
    const double next = last_ + (joins_ ? pause_ : step_);
    if (!time) {
      last_ = next;
    } else if (joins_ || *time + shift_ < last_ - kJump || *time + shift_ > last_ + leap_) {
      shift_ = next - *time;
      last_ = next;
    } else {
      last_ = std::max(last_, *time + shift_);
    }
    joins_ = false;
    return last_;
  }

  /// `pause`: seconds for which the last frame is shown; default: one step.
  void restart(std::optional<double> pause = {}) noexcept {
    joins_ = begun_;
    pause_ = pause.value_or(step_);
  }

 private:
  static constexpr double kJump = 1.0;  // seconds; more than any reordering of frames

  double step_;
  double leap_;
  double shift_ = 0;
  double last_ = 0;  // the last time returned
  bool begun_ = false;
  bool joins_ = false;
  double pause_ = 0;  // seconds, set by restart()
};

}  // namespace freshframe::media
