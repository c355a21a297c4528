// Recovers the sender reports from the wall-clock times that FFmpeg sets on RTSP packets.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <optional>
#include <utility>

#include "media/stream/camera_clock.hpp"

namespace freshframe::media {

/// FFmpeg computes each packet's wall-clock time from the last report, so the difference between the two
/// times changes with a new report. If it stays the same, it is confirmed from time to time. Up to FFmpeg
/// 7.1, a parser that joins packets returns a frame when the next packet arrives, with that packet's
/// wall-clock time, which belongs to the following frame. Not thread-safe.
class ProducerTimes {
 public:
  /// `one_late`: a parser joins packets to frames.
  explicit ProducerTimes(bool one_late = false) noexcept : one_late_(one_late) {}

  /// Takes the next packet's timestamp and wall-clock time, in seconds.
  [[nodiscard]] std::optional<CameraClock::Report> add(std::optional<double> time,
                                                       std::optional<double> wall) noexcept {
    if (one_late_) std::swap(wall, before_);
    if (!time || !wall) return std::nullopt;
    const double offset = *wall - *time;
    if (last_ && std::abs(offset - (last_->utc - last_->time)) < kSame && *time < last_->time + kConfirmed) {
      return std::nullopt;
    }
    last_ = CameraClock::Report{*time, *wall};
    return last_;
  }

 private:
  static constexpr double kSame = 0.0002;     // seconds; FFmpeg's rounding error is below a tenth of it
  static constexpr double kConfirmed = 30.0;  // seconds; servers report more often

  bool one_late_;
  std::optional<double> before_;  // wall-clock time of the previous packet
  std::optional<CameraClock::Report> last_;
};

}  // namespace freshframe::media
