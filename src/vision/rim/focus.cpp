// Cheap tests before the costly ones.
// SPDX-License-Identifier: Apache-2.0
#include "vision/rim/focus.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

#include "vision/rim/edges.hpp"

namespace freshframe::vision {
namespace {

// Share of the rim inside the picture. A track's ring covers all of it. The sides of a moving ball may not
// change.
constexpr float kMinCovered = 0.8F;
constexpr std::size_t kRimPoints = 16;
// The window of the refinement: pixels at least, fraction of the radius.
constexpr float kNear = 2, kNearOfRadius = 0.1F;
// Least squares over the circles that were found by arcs: radians per rim coverage, correlation 0.5. Small
// circles are discounted as candidates are.
constexpr float kArcs = 0.7F, kArcsOfCoverage = 4.2F, kSmallRadius = 10;

std::array<std::pair<float, float>, kRimPoints> rim_directions() {
  std::array<std::pair<float, float>, kRimPoints> directions;
  for (std::size_t i = 0; i < kRimPoints; ++i) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(i) / kRimPoints;
    directions[i] = {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))};
  }
  return directions;
}

const auto kRimDirections = rim_directions();

}  // namespace

bool CircleFocus::covers(const Circle& candidate, int width, int height) const noexcept {
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

bool leads_to(const Circle& candidate, const Circle& known) noexcept {
  const float near = std::max(kNear, kNearOfRadius * known.r);
  return std::abs(candidate.x - known.x) + std::abs(candidate.y - known.y) < near &&
         std::abs(candidate.r - known.r) < near;
}

float likely_arcs(const Circle& circle, const Rim& rim) noexcept {
  return (kArcs + kArcsOfCoverage * rim_coverage(circle, rim)) * std::min(1.0F, circle.r / kSmallRadius);
}

}  // namespace freshframe::vision
