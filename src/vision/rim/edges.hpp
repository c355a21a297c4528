// Statistics of the edges that the rays found on a circle's rim.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vision/rim/rim.hpp"

namespace freshframe::vision {

/// Returns by how many pixels an edge may miss a rim of this radius and still count as part of it.
[[nodiscard]] float rim_tolerance(float radius) noexcept;

/// Returns the visible share of the rim: the fraction of rays that found an edge on it. Edges of the rarer
/// polarity count less.
[[nodiscard]] float rim_coverage(const Circle& circle, const Rim& rim) noexcept;

/// Estimates from the rim of an expected circle how many radians of it arcs would have covered.
[[nodiscard]] float likely_arcs(const Circle& circle, const Rim& rim) noexcept;

/// Sum over directions of a weight times (cos n a, sin n a): the component that varies n times around the
/// circle.
struct Harmonic {
  double cosine = 0;
  double sine = 0;
  [[nodiscard]] double amplitude() const noexcept;
};

/// Counts and sums over the rays whose edge is on the rim. "Agreeing" edges have the majority's polarity.
struct RimEdges {
  int tight = 0;         // agreeing edges that are very close
  int tight_either = 0;  // edges of either polarity that are very close
  int agreeing = 0;
  int opposing = 0;            // edges of the other polarity
  int strong = 0;              // agreeing edges with a clear contrast
  int longest_gap = 0;         // rays in a row without an agreeing edge
  int longest_gap_either = 0;  // rays in a row without an edge of either polarity
  double square_offsets = 0;
  double cosines = 0;  // sum of the cosines between gradient and ray
  double log_magnitudes = 0;
  double square_log_magnitudes = 0;
  Harmonic one_sided;  // harmonic of the coverage that is large for a single arc
  Harmonic two_sided;  // harmonic of the coverage that is large for two opposite arcs, as left by motion blur
  Harmonic elongated;  // harmonic of the offsets that is large for an ellipse
};

[[nodiscard]] RimEdges measure_rim_edges(const GradientField& field, const Circle& circle,
                                         const Rim& rim) noexcept;

}  // namespace freshframe::vision
