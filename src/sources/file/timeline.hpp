// Converts a stream's timestamps to seconds that never decrease.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <limits>
#include <optional>

namespace freshframe::media {

/// One per stream; one thread. A missing time is one step after the last. A time a little before the last
/// becomes the last. A jump back (concatenated files), or by more than `leap` seconds ahead, starts a new
/// section one step after the last. The next time after restart() starts one, too.
class Timeline {
 public:
  /// `step`: seconds between two frames if the stream does not contain it.
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
  static constexpr double kJump = 1.0;  // seconds: more than any reordering of frames

  double step_;
  double leap_;
  double shift_ = 0;
  double last_ = 0;  // the time placed last, once begun
  bool begun_ = false;
  bool joins_ = false;
  double pause_ = 0;  // seconds, of restart()
};

}  // namespace freshframe::media
