// A copy of a frame that can be drawn on.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

namespace freshframe::vision {

/// The frame's pixels in memory of their own and in its own format. Gray becomes I420, which has colour.
[[nodiscard]] FrameBuilder drawable_copy(const Frame& frame);

}  // namespace freshframe::vision
