// Crops parts of an image, scaled to one size.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"
#include "freshframe/results.hpp"

#include <cstdint>
#include <span>

namespace freshframe::inference {

struct CropForm {
  int width = 0;  // crop width in pixels
  int height = 0;
  double padding = 0;  // added on each side of a box, as a fraction of its width or height
};

/// Writes one crop per box, consecutively, as BGR rows. Values equal those of cv2.resize on that part of
/// `bgr`, a BGR frame. Boxes are rounded to whole pixels and clipped to the image. A box that is outside of
/// it or not finite gives zeros.
void crop_boxes(const Frame& bgr, std::span<const Detection> boxes, const CropForm& form, std::uint8_t* out);

}  // namespace freshframe::inference
