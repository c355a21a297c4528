// A region of interest as Python gives it: four numbers, or None.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/region.hpp"

#include <array>
#include <optional>

namespace freshframe::python {

using Corners = std::array<int, 4>;  // x0, y0, x1, y1

[[nodiscard]] inline std::optional<Region> to_region(const std::optional<Corners>& given) {
  if (!given) return std::nullopt;
  const auto& [x0, y0, x1, y1] = *given;
  return Region{x0, y0, x1, y1};
}

[[nodiscard]] inline std::optional<Corners> to_corners(const std::optional<Region>& region) {
  if (!region) return std::nullopt;
  return Corners{region->x0, region->y0, region->x1, region->y1};
}

}  // namespace freshframe::python
