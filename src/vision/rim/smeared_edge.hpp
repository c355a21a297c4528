// How brightness runs across an edge that moved while the shutter was open.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace freshframe::vision {

/// Brightness on a ray from a circle's centre, one sample per pixel, the same number on both sides of the rim.
using EdgeSamples = std::span<const float>;

/// What a fit of the edge's model to one ray says about the two unknowns that all rays share: how far outwards
/// from the rim the edge lies (0), and the square of the width that motion gave it (1). Level and contrast of
/// the ray, and the slope of the brightness inside, are fitted and eliminated.
struct EdgeEvidence {
  double residual = 0;                // mean square, grey levels
  std::array<double, 3> curvature{};  // of half the sum of squares: 00, 01, 11
  std::array<double, 2> direction{};  // its descent
};

inline constexpr float kMinEdgeWidth = 0.6F;  // pixels
inline constexpr int kMaxEdgeReach = 9;       // samples inwards and outwards of the rim
inline constexpr std::size_t kMaxEdgeSamples = 2 * kMaxEdgeReach + 1;

/// `width`: what motion is expected to have made of the edge, pixels, at least kMinEdgeWidth. `offset`: where the
/// edge is expected, pixels outwards from the rim.
[[nodiscard]] EdgeEvidence fit_edge(EdgeSamples samples, float width, float offset) noexcept;

}  // namespace freshframe::vision
