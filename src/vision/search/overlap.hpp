// Intersection over union of two discs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

namespace freshframe::vision {

/// Exact, 0..1; both radii positive.
[[nodiscard]] float overlap(const Circle& a, const Circle& b) noexcept;

}  // namespace freshframe::vision
