// Finds the sender reports from which come the wall times that FFmpeg puts on the packets of RTSP.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <optional>
#include <utility>

#include "media/stream/camera_clock.hpp"

namespace freshframe::media {

/// FFmpeg computes the wall time of each packet from the last report. So a new report is a change of the distance
/// between the two times. A distance that stays the same is confirmed by and by. Up to FFmpeg 7.1 a parser that joins
/// packets to pictures gives a picture out when the next packet comes, with that packet's wall time: there it belongs
/// to the picture after it. One thread.
class ProducerTimes {
 public:
  /// `one_late`: a parser joins packets to pictures.
  explicit ProducerTimes(bool one_late = false) noexcept : one_late_(one_late) {}

  /// Takes the next packet's time of the stream and its wall time, in seconds.
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
  static constexpr double kSame = 0.0002;     // seconds; FFmpeg's rounding is below a tenth of it
  static constexpr double kConfirmed = 30.0;  // seconds: servers report more often

  bool one_late_;
  std::optional<double> before_;  // the wall time of the packet before
  std::optional<CameraClock::Report> last_;
};

}  // namespace freshframe::media
