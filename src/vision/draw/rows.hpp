// Operations on rows of masks and images: line coverage and blending.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "vision/draw/mask.hpp"

namespace freshframe::vision {

/// A circle drawn as a line. Coordinates are relative to pixel centers.
struct RimLine {
  double x = 0;
  double y = 0;
  double r = 0;
  double half_width = 0;
};

/// A line between two points, with round ends. Width and opacity are interpolated linearly.
struct Stroke {
  double x = 0;
  double y = 0;
  double dx = 0;
  double dy = 0;
  double half_width = 0;
  double half_width_change = 0;
  double opacity = 1;
  double opacity_change = 0;
};

// Both raise the mask to the coverage. They write up to 8 bytes after the last column.
void cover(const RimLine& rim, int y, const Columns& columns, std::uint8_t* row);
void cover(const Stroke& stroke, int y, const Columns& columns, std::uint8_t* row);

/// A color to blend into pixels of up to three components.
struct Paint {
  std::array<std::uint8_t, 3> levels{};
  int opacity = 256;  // 0 to 256, which is opaque
};

/// Blends into `count` pixels of `components` bytes each.
void mix(const Paint& paint, int components, const std::uint8_t* mask, int count, std::uint8_t* pixels);

}  // namespace freshframe::vision
