// The picture's brightness and edges on both sides of a circle's rim.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vision/rim/rim.hpp"

namespace freshframe::vision {

/// Mean and deviation of brightness, grey levels.
struct Brightness {
  int count = 0;
  double sum = 0;
  double squares = 0;

  void add(double value) noexcept;
  [[nodiscard]] double mean() const noexcept;
  [[nodiscard]] double deviation() const noexcept;
};

/// The share of the sampled places that are edges: a circle has none there, texture has.
struct EdgeDensity {
  int edges = 0;
  int places = 0;
  [[nodiscard]] double fraction() const noexcept;
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
