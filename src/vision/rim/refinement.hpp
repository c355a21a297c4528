// Moves a candidate onto the edges around it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "vision/arcs/arcs.hpp"
#include "vision/rim/rim.hpp"

namespace freshframe::vision {

/// Refines the candidates of one image one after the other. Not thread-safe.
class Refinement {
 public:
  explicit Refinement(RadiusRange radii) : radii_(radii) {}

  /// Drops the circles of the previous image.
  void start(const GradientField& field);

  /// Moves `circle`, and stores its final rays in `rim`. Returns false if too little of the rim is visible,
  /// or an earlier candidate was moved to the same place.
  [[nodiscard]] bool refine(Circle& circle, Rim& rim);

 private:
  /// Returns false if a circle at the same place is known.
  [[nodiscard]] bool remember_new(const Circle& circle);

  RadiusRange radii_;
  const GradientField* field_ = nullptr;
  std::vector<Circle> seen_;
};

/// Returns true if refining `candidate` would only lead to `known`, which was refined earlier.
[[nodiscard]] bool leads_to(const Circle& candidate, const Circle& known) noexcept;

}  // namespace freshframe::vision
