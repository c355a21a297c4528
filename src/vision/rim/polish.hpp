// The last step to a circle's exact place and size: fits brightness profiles across its rim, including motion
// blur.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include "vision/picture/gradient_field.hpp"

namespace freshframe::vision {

/// Moves a circle that is accurate to about a pixel onto the middle of its edge, to about a tenth of a pixel
/// where the edge is clear. For a disc that moved during the exposure, the result is the middle of its path.
/// Reads only the smoothed luma of `field`. Returns the circle unchanged if too little of its rim is visible.
[[nodiscard]] Circle polished(const GradientField& field, const Circle& circle) noexcept;

}  // namespace freshframe::vision
