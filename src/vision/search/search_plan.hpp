// The cells that a search for circles looks at, and the circles that it expects.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <span>

#include "vision/picture/cell_mask.hpp"

namespace freshframe::vision {

struct SearchPlan {
  const CellMask* cells = nullptr;   // the rest of the picture is skipped; nullptr: search everything
  std::span<const Circle> expected;  // circles to try even without an arc; their scores are not used

  /// Whether enough of a candidate's rim is in the cells. A candidate elsewhere is there by chance.
  [[nodiscard]] bool covers(const Circle& candidate, int width, int height) const noexcept;
};

}  // namespace freshframe::vision
