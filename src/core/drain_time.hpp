// Time limits for recorders after a stop.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

namespace freshframe::core {

/// Default time limit of a stop, as in Pipeline::stop().
inline constexpr Seconds kStopTime{5};
/// The share of a stop's time limit in which nodes may still receive events. The rest is for their close().
inline constexpr double kHandOverShare = 0.9;
/// After a stop, how long a recorder may take to write its queued samples.
inline constexpr Seconds kDrainTime{2};
/// Additional time for a recorder to write the frames that its encoder holds.
inline constexpr Seconds kEncoderDrainTime{1};

}  // namespace freshframe::core
