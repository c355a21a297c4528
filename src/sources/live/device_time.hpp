// Wall-clock time of a frame that a local device stamped with the monotonic clock.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"
#include "freshframe/utc.hpp"

namespace freshframe::media {

/// The two clocks are not read at the same moment, and drivers stamp in microseconds.
inline constexpr float kDeviceTimeError = 1e-5F;

/// `offset`: seconds to add.
[[nodiscard]] inline Utc compute_device_utc(const Clock& clock, TimePoint taken, double offset = 0) {
  return {.seconds = clock.unix_time(taken) + offset, .error = kDeviceTimeError, .from = UtcFrom::Device};
}

}  // namespace freshframe::media
