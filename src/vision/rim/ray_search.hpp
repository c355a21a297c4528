// The vectorised part of the rim search: follows many rays at the same time, and finds the strongest edge on
// each.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "vision/picture/gradient_field.hpp"

namespace freshframe::vision {

/// A batch of rays, in fixed point so that every instruction set gives the same result.
struct RayBatch {
  static constexpr int kMaxRays = 96;
  static constexpr int kPositionBits = 10;   // bits for a fraction of a pixel
  static constexpr int kDirectionBits = 14;  // bits for a fraction of 1
  // Has room for the last vector, which may extend beyond the last ray.
  using Lane = std::array<std::int32_t, kMaxRays + 64>;

  int size = 0;
  int reach = 0;          // pixels searched inwards and outwards
  float discount = 0;     // reduction of an edge's strength per pixel of distance from the rim
  float min_cosine2 = 0;  // square of the minimum cosine of the angle between gradient and ray
  Lane x{};               // the ray's intersection with the rim, plus half a pixel
  Lane y{};
  Lane ux{};  // direction, outwards
  Lane uy{};
  Lane pixel{};  // result: position of the edge, -1 for none
  Lane step{};   // result: its distance outwards from the rim, in whole pixels
  Lane slope{};  // result: gradient along the ray, positive if it gets brighter outwards
};

/// Fills `pixel`, `step` and `slope` of all rays. Positions outside of the field are moved to its border.
void search_rays(const GradientField& field, RayBatch& rays);

}  // namespace freshframe::vision
