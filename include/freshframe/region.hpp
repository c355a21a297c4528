// Region of interest: the part of an image that a detector searches.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

namespace freshframe {

/// A rectangle in pixels: columns x0 to x1 and rows y0 to y1, excluding x1 and y1. The top left pixel is (0,
/// 0).
struct Region {
  int x0 = 0;
  int y0 = 0;
  int x1 = 0;
  int y1 = 0;
  bool operator==(const Region&) const = default;
};

/// Throws OptionError if the region is empty or has negative coordinates.
void check_region(const Region& region);
/// Like the overload above; also throws OptionError if the region does not fit into an image of this size.
void check_region(const Region& region, int width, int height);

/// Returns the region of a plane with one byte per pixel, without copying. Throws OptionError like
/// check_region(), and if the region does not fit into the plane.
[[nodiscard]] Plane view_part(const Plane& luma, const Region& region);

/// Part of a frame, and the position of its top left pixel.
struct FramePart {
  Frame frame;
  int x = 0;
  int y = 0;
};
/// Returns the region of a frame as a frame, without copying. With subsampled chroma it starts up to one
/// pixel before the region. Throws OptionError like check_region(), and if the region does not fit into the
/// frame.
[[nodiscard]] FramePart view_part(const Frame& frame, const Region& region);

}  // namespace freshframe
