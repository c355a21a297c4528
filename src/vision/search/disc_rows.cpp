// Compares circles with those next to them.
// SPDX-License-Identifier: Apache-2.0
#include "vision/search/disc_rows.hpp"

#include <algorithm>
#include <cmath>

namespace freshframe::vision {
namespace {

constexpr float kSameSize = 0.6F;  // difference of the radii, pixels
// Pixels between two rims. From 7 on the sampled surroundings contain no part of a neighbour.
constexpr float kMinGap = 1, kMaxGap = 8;

bool side_by_side(const Circle& a, const Circle& b) {
  if (std::abs(a.r - b.r) >= kSameSize) return false;
  const float gap = std::hypot(a.x - b.x, a.y - b.y) - a.r - b.r;
  return gap >= kMinGap && gap <= kMaxGap;
}

// Whether two discs are next to this one.
bool has_two_neighbours(const Circle& circle, std::span<const Circle> circles) {
  const Circle* first = nullptr;
  return std::any_of(circles.begin(), circles.end(), [&](const Circle& other) {
    if (!side_by_side(circle, other)) return false;
    if (first == nullptr) first = &other;
    return std::hypot(other.x - first->x, other.y - first->y) > circle.r;  // else it is the same disc again
  });
}

}  // namespace

void DiscRows::find(std::span<const Circle> circles) {
  in_row_.assign(circles.size(), false);
  for (std::size_t i = 0; i < circles.size(); ++i) {
    if (!has_two_neighbours(circles[i], circles)) continue;
    in_row_[i] = true;
    for (std::size_t j = 0; j < circles.size(); ++j) {
      if (side_by_side(circles[i], circles[j])) in_row_[j] = true;
    }
  }
}

}  // namespace freshframe::vision
