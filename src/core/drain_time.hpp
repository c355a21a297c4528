// The time that a stop leaves to recorders.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/clock.hpp"

namespace freshframe::core {

/// For the waiting samples of a recorder.
inline constexpr Seconds kDrainTime{2};
/// After that, for the frames that its encoder holds.
inline constexpr Seconds kEncoderDrainTime{1};

}  // namespace freshframe::core
