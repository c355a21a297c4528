// Time limits for recorders after a stop.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

namespace freshframe::core {

/// The default time for a stop, also of Pipeline::stop().
inline constexpr Seconds kStopTime{5};
/// The share of a stop's time in which nodes may receive remaining events. The rest is for their close().
inline constexpr double kHandOverShare = 0.9;
/// For the queued samples of a recorder.
inline constexpr Seconds kDrainTime{2};
/// Additional time for a recorder to write the frames that its encoder holds.
inline constexpr Seconds kEncoderDrainTime{1};

}  // namespace freshframe::core
