// The restriction of a search for circles to some cells and expected circles.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <span>

#include "vision/picture/cell_mask.hpp"
#include "vision/rim/rim.hpp"

namespace freshframe::vision {

struct CircleFocus {
  const CellMask* cells = nullptr;   // the rest of the picture is skipped; nullptr: search everything
  std::span<const Circle> expected;  // circles to try even without an arc; their scores are not used

  /// Whether enough of a candidate's rim is in the cells. A candidate elsewhere is there by chance.
  [[nodiscard]] bool covers(const Circle& candidate, int width, int height) const noexcept;
};

/// Whether refining `candidate` would only lead to `known`, which was refined before.
[[nodiscard]] bool leads_to(const Circle& candidate, const Circle& known) noexcept;

/// Radians that arcs would have covered of an expected circle, estimated from its rim.
[[nodiscard]] float likely_arcs(const Circle& circle, const Rim& rim) noexcept;

}  // namespace freshframe::vision
