// How brightness runs across a circle's rim and along it, whichever side is brighter.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "vision/rim/rim.hpp"

namespace freshframe::vision {

/// Brightness is sampled on kRings circles around the centre, four inside of the rim and four outside. Means
/// are over the rays all of whose samples lie inside the picture; grey levels.
struct RimProfile {
  static constexpr int kRings = 8;
  static constexpr int kSectors = 8;

  std::array<float, kRings - 1> jumps{};    // mean absolute difference between neighbouring rings
  std::array<float, kRings> roughness{};    // mean absolute difference between neighbouring rays
  std::array<float, kSectors> contrasts{};  // absolute mean difference across the rim, ascending
  float central = 0;                        // fraction of rays whose largest jump is at the rim
  float near = 0;                           // ... at the rim or next to it
  float shading = 0;    // how far light from one side explains the contrast: 0 not at all, 1 all of it
  float lopsided = 0;   // how much the contrast differs between opposite sides, 0..1
  float reversals = 0;  // changes of the contrast's sign per ray
};

[[nodiscard]] RimProfile measure_rim_profile(const GradientField& field, const Circle& circle,
                                             const Rim& rim) noexcept;

}  // namespace freshframe::vision
