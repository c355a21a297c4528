// The time that a stop leaves to recorders.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

namespace freshframe::core {

/// The time of a stop whose caller gives none, and of Pipeline::stop().
inline constexpr Seconds kStopTime{5};
/// The part of a stop's time in which nodes may get the events that are left. The rest is for their close().
inline constexpr double kHandOverShare = 0.9;
/// For the waiting samples of a recorder.
inline constexpr Seconds kDrainTime{2};
/// The time after that which a recorder has to write the frames that its encoder holds.
inline constexpr Seconds kEncoderDrainTime{1};

}  // namespace freshframe::core
