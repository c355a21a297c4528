// Parts of a picture, scaled to one size.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"
#include "freshframe/results.hpp"

#include <cstdint>
#include <span>

namespace freshframe::inference {

struct CropForm {
  int width = 0;  // width of a crop, pixels
  int height = 0;
  double padding = 0;  // added at each side of a box, as a share of its width or height
};

/// Writes a crop of each box, rows of blue, green and red, one after the other: the levels of cv2.resize of that
/// part of `bgr`, a frame in that format. A box is cut to whole pixels and to the picture. A box that is outside of
/// it or not finite gives zeros.
void crop_boxes(const Frame& bgr, std::span<const Detection> boxes, const CropForm& form, std::uint8_t* out);

}  // namespace freshframe::inference
