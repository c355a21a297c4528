// Draws on an image in its own format: planes of luma and chroma, or packed colors.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"

#include <cstdint>
#include <vector>

#include "vision/draw/mask.hpp"

namespace freshframe::vision {

/// R'G'B', each 0..1.
struct Color {
  double r = 0;
  double g = 0;
  double b = 0;
};

/// A rectangle in pixels; may extend beyond the image.
struct Box {
  double left = 0;
  double top = 0;
  double right = 0;
  double bottom = 0;
};

/// Draws shapes one after the other: first into mask(), then paint(). Only a shape's own pixels are read and
/// written. Reuses its memory; not thread-safe.
class AnnotateCanvas {
 public:
  /// Sets the image to draw on, in any format except gray. It must outlive the drawing.
  void begin_picture(const MutablePicture& picture);
  [[nodiscard]] bool meets(const Box& box) const noexcept {
    return box.left < width() && box.top < height() && box.right > 0 && box.bottom > 0;
  }
  [[nodiscard]] int width() const noexcept { return mask_.width(); }
  [[nodiscard]] int height() const noexcept { return mask_.height(); }

  [[nodiscard]] AnnotateMask& mask() noexcept { return mask_; }
  /// Blends a color into the pixels covered by the mask, and clears the mask.
  void paint(const Color& color, double opacity = 1);

 private:
  struct Layers;

  void paint_plane(int plane, const Layers& layers);
  void paint_halved(const Layers& layers);

  MutablePicture picture_;
  AnnotateMask mask_;
  std::vector<std::uint8_t> halved_;  // a row of the mask, scaled to half the width
};

}  // namespace freshframe::vision
