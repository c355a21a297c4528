// The vectorised part of the rim: walks along many rays at once and finds the strongest edge on each.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "vision/picture/gradient_field.hpp"

namespace freshframe::vision {

/// A batch of rays, in fixed point so that every instruction set gives the same answer.
struct RayBatch {
  static constexpr int kMaxRays = 96;
  static constexpr int kPositionBits = 10;   // of a pixel
  static constexpr int kDirectionBits = 14;  // of 1
  // The last vector may reach beyond the last ray.
  using Lane = std::array<std::int32_t, kMaxRays + 64>;

  int size = 0;
  int reach = 0;          // pixels to look inwards and outwards
  float discount = 0;     // what a pixel of distance from the rim takes off an edge's strength
  float min_cosine2 = 0;  // square of the least cosine between gradient and ray
  Lane x{};               // where the ray meets the rim, plus half a pixel
  Lane y{};
  Lane ux{};  // direction, outwards
  Lane uy{};
  Lane pixel{};  // result: where the edge is, -1 for none
  Lane step{};   // result: how far outwards from the rim that is, in whole pixels
  Lane slope{};  // result: gradient along the ray, positive when it gets brighter outwards
};

/// Fills `pixel`, `step` and `slope` of all rays. Positions outside of the field are moved to its border.
void search_rays(const GradientField& field, RayBatch& rays);

}  // namespace freshframe::vision
