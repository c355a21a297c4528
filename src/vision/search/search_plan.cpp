// Compares the rim of a candidate with the cells of the plan.
// SPDX-License-Identifier: Apache-2.0
#include "vision/search/search_plan.hpp"

#include <array>
#include <cmath>
#include <numbers>
#include <utility>

namespace freshframe::vision {
namespace {

// Share of the rim inside the picture. A track's ring covers all of it. The sides of a moving ball may not
// change.
constexpr float kMinCovered = 0.8F;
constexpr std::size_t kRimPoints = 16;

std::array<std::pair<float, float>, kRimPoints> rim_directions() noexcept {
  std::array<std::pair<float, float>, kRimPoints> directions;
  for (std::size_t i = 0; i < kRimPoints; ++i) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(i) / kRimPoints;
    directions[i] = {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))};
  }
  return directions;
}

const auto kRimDirections = rim_directions();

}  // namespace

bool SearchPlan::covers(const Circle& candidate, int width, int height) const noexcept {
  if (cells == nullptr) return true;
  int inside = 0;
  int covered = 0;
  for (const auto& [ux, uy] : kRimDirections) {
    const float x = candidate.x + candidate.r * ux;
    const float y = candidate.y + candidate.r * uy;
    if (!(x >= 0 && y >= 0 && x < static_cast<float>(width) && y < static_cast<float>(height))) continue;
    ++inside;
    if ((*cells)(static_cast<int>(x) / CellMask::kCell, static_cast<int>(y) / CellMask::kCell)) ++covered;
  }
  return static_cast<float>(covered) >= kMinCovered * static_cast<float>(inside);
}

}  // namespace freshframe::vision
