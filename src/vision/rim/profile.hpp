// The brightness across and along a circle's rim, independent of which side is brighter.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "vision/rim/rim.hpp"

namespace freshframe::vision {

/// Brightness is sampled on kRings circles around the centre, four inside of the rim and four outside. Means
/// are over the rays with all samples inside the picture, in grey levels.
struct RimProfile {
  static constexpr int kRings = 8;
  static constexpr int kSectors = 8;

  std::array<float, kRings - 1> jumps{};    // mean absolute difference between neighbouring rings
  std::array<float, kRings> roughness{};    // mean absolute difference between neighbouring rays
  std::array<float, kSectors> contrasts{};  // absolute mean difference across the rim, ascending
  float central = 0;                        // fraction of rays whose largest jump is at the rim
  float near = 0;                           // ... at the rim or next to it
  float shading = 0;                        // share of the contrast that light from one side explains, 0..1
  float lopsided = 0;                       // difference of the contrast between opposite sides, 0..1
  float reversals = 0;                      // changes of the contrast's sign per ray
};

[[nodiscard]] RimProfile measure_rim_profile(const GradientField& field, const Circle& circle,
                                             const Rim& rim) noexcept;

}  // namespace freshframe::vision
