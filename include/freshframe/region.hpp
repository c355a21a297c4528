// A region of interest: the rectangle of a picture that a detector looks at.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

namespace freshframe {

/// A rectangle of a picture in pixels: the columns from x0 up to, but not including, x1, and the rows from y0
/// up to y1. The top left pixel is (0, 0).
struct Region {
  int x0 = 0;
  int y0 = 0;
  int x1 = 0;
  int y1 = 0;
  bool operator==(const Region&) const = default;
};

/// Throws OptionError for a region without pixels, or a region that begins left of or above every picture.
void check_region(const Region& region);
/// Throws OptionError as check_region(), and when a picture of that size does not contain the region.
void check_region(const Region& region, int width, int height);

/// The pixels of a region within a plane of one byte per pixel, without a copy. Throws OptionError as
/// check_region(), and when the plane does not contain it.
[[nodiscard]] Plane view_part(const Plane& luma, const Region& region);

/// A part of a frame, and the place of its top left pixel.
struct FramePart {
  Frame frame;
  int x = 0;
  int y = 0;
};
/// The part of a frame in its own memory, without a copy. Where two rows or columns share their chroma, the
/// part begins up to one pixel before the region. Throws OptionError as check_region(), and when the frame
/// does not contain the region.
[[nodiscard]] FramePart view_part(const Frame& frame, const Region& region);

}  // namespace freshframe
