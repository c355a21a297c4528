// Parts of a picture made unrecognisable.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include "vision/draw/canvas.hpp"
#include "vision/draw/run_lengths.hpp"

namespace freshframe::vision {

/// Replaces squares of the area, three or fewer across its shorter side, by their mean. `mask`: only its pixels
/// change; null: all of the area.
void pixelate(const MutablePicture& picture, const Box& area, const ObjectMask* mask);

}  // namespace freshframe::vision
