// The shapes that Annotate draws: rings, fading trails, labels.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <cstdint>
#include <string>

#include "vision/annotate_canvas.hpp"
#include "vision/annotate_trails.hpp"

namespace freshframe {

/// R'G'B', each 0..1.
struct Color {
  double r = 0;
  double g = 0;
  double b = 0;
};

/// Stable, bright, far from the colours of the ids around it.
[[nodiscard]] Color color_of_id(std::int64_t id);
/// From red at 0 to green at 1.
[[nodiscard]] Color color_of_score(float score);

/// Draws on one picture. Whatever is not finite, has no size or does not meet the picture is left out.
class AnnotatePen {
 public:
  /// `line_width` in pixels; 0: chosen from the picture's size.
  AnnotatePen(AnnotateCanvas& canvas, double line_width);

  void ring(const Circle& circle, const Color& color);
  /// `length`: seconds after which a point has faded.
  void trail(const Trail& trail, double length, const Color& color);
  /// A tag with `text` above the circle, or below where there is no room above.
  void label(const Circle& circle, const std::string& text, const Color& color);

 private:
  AnnotateCanvas& canvas_;
  cairo_t* cairo_;
  double line_;
  double font_;  // pixels
};

}  // namespace freshframe
