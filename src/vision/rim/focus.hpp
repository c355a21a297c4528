// What a search for circles may pass over when it knows where to look and what to expect.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <span>

#include "vision/picture/cell_mask.hpp"
#include "vision/rim/rim.hpp"

namespace freshframe::vision {

struct CircleFocus {
  const CellMask* cells = nullptr;  // the rest of the picture is passed over; nullptr: nothing is
  std::span<const Circle>
      expected;  // circles to try even when no arc leads to them; their scores say nothing

  /// Whether enough of a candidate's rim lies in the cells; a candidate elsewhere is chance.
  [[nodiscard]] bool covers(const Circle& candidate, int width, int height) const noexcept;
};

/// Whether refining `candidate` would only lead to `known`, which was refined before.
[[nodiscard]] bool leads_to(const Circle& candidate, const Circle& known) noexcept;

/// Radians of arc that arcs would have covered of a circle that was expected, judged by its rim.
[[nodiscard]] float likely_arcs(const Circle& circle, const Rim& rim) noexcept;

}  // namespace freshframe::vision
