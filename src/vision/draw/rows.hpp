// Rows of masks and of pictures: the share of a pixel that a line covers, and the mixing of a colour.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "vision/draw/mask.hpp"

namespace freshframe::vision {

/// A line around a circle; the coordinates mean the centres of pixels.
struct RimLine {
  double x = 0;
  double y = 0;
  double r = 0;
  double half_width = 0;
};

/// From one point to another, with round ends. Width and opacity change evenly between the ends.
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

// Both raise the mask to the covered share. They write up to 8 bytes after the last column.
void cover(const RimLine& rim, int y, const Columns& columns, std::uint8_t* row);
void cover(const Stroke& stroke, int y, const Columns& columns, std::uint8_t* row);

/// The colour that is mixed into pixels of up to three components.
struct Paint {
  std::array<std::uint8_t, 3> levels{};
  int opacity = 256;  // of 256, which is opaque
};

/// Mixes into `count` pixels of `components` bytes each.
void mix(const Paint& paint, int components, const std::uint8_t* mask, int count, std::uint8_t* pixels);

}  // namespace freshframe::vision
