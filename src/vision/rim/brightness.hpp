// Measures the brightness across a circle's rim, along it, and on both sides of it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>

#include "vision/rim/rim.hpp"

namespace freshframe::vision {

/// Brightness is sampled on kRings circles around the centre, four inside of the rim and four outside. Means
/// are over the rays whose samples are all inside the image, in grey levels.
struct RimProfile {
  static constexpr int kRings = 8;
  static constexpr int kSectors = 8;

  std::array<float, kRings - 1> jumps{};    // mean absolute difference between neighbouring rings
  std::array<float, kRings> roughness{};    // mean absolute difference between neighbouring rays
  std::array<float, kSectors> contrasts{};  // absolute mean difference across the rim, ascending
  float central = 0;                        // fraction of rays whose largest jump is at the rim
  float near = 0;                           // fraction of rays whose largest jump is at the rim or next to it
  float shading = 0;                        // share of the contrast that light from one side explains, 0..1
  float lopsided = 0;                       // difference of the contrast between opposite sides, 0..1
  float reversals = 0;                      // changes of the contrast's sign per ray
};

/// The result does not depend on which side is brighter.
[[nodiscard]] RimProfile measure_rim_profile(const GradientField& field, const Circle& circle,
                                             const Rim& rim) noexcept;

/// Mean and deviation of brightness, grey levels.
struct Brightness {
  int count = 0;
  double sum = 0;
  double squares = 0;

  void add(double value) noexcept {
    ++count;
    sum += value;
    squares += value * value;
  }
  [[nodiscard]] double mean() const noexcept { return sum / std::max(1, count); }
  [[nodiscard]] double deviation() const noexcept {
    return std::sqrt(std::max(0.0, squares / std::max(1, count) - mean() * mean()));
  }
};

/// The share of sampled places that are edges. There are none there on a circle, but many in texture.
struct EdgeDensity {
  int edges = 0;
  int places = 0;
  [[nodiscard]] double fraction() const noexcept { return double(edges) / std::max(1, places); }
};

struct RimSurroundings {
  Brightness inner;  // just inside and just outside of the rim
  Brightness outer;
  double differences = 0;  // outer minus inner along each ray
  double absolute_differences = 0;
  int agreeing = 0;        // rays along which the difference has the majority's sign and is clear
  EdgeDensity inner_ring;  // further from the rim
  EdgeDensity outer_ring;
  Brightness middle;  // around the centre
  EdgeDensity middle_edges;
};

[[nodiscard]] RimSurroundings measure_rim_surroundings(const GradientField& field, const Circle& circle,
                                                       const Rim& rim) noexcept;

}  // namespace freshframe::vision
