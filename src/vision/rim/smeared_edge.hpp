// The brightness across an edge that moved during the exposure.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace freshframe::vision {

/// Brightness on a ray from a circle's centre: one sample per pixel, and the same number on both sides of the
/// rim.
using EdgeSamples = std::span<const float>;

/// The result of fitting the edge's model to one ray, with respect to the two unknowns that all rays share:
/// the distance of the edge outwards from the rim (0), and the square of its width caused by motion (1).
/// Level and contrast of the ray, and the slope of the brightness inside, are fitted and eliminated.
struct EdgeEvidence {
  double residual = 0;                // mean square, grey levels
  std::array<double, 3> curvature{};  // curvature of half the sum of squares: 00, 01, 11
  std::array<double, 2> direction{};  // its descent
};

inline constexpr float kMinEdgeWidth = 0.6F;  // pixels
inline constexpr int kMaxEdgeReach = 9;       // samples inside and outside of the rim
inline constexpr std::size_t kMaxEdgeSamples = 2 * kMaxEdgeReach + 1;

/// `width`: the expected width caused by motion, in pixels, at least kMinEdgeWidth. `offset`: the expected
/// place of the edge, in pixels outwards from the rim.
[[nodiscard]] EdgeEvidence fit_edge(EdgeSamples samples, float width, float offset) noexcept;

}  // namespace freshframe::vision
