// The shapes that are drawn: rings, boxes, fading trails, labels.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/vision.hpp"

#include <cstdint>
#include <string>

#include "vision/draw/canvas.hpp"
#include "vision/draw/label.hpp"
#include "vision/draw/trails.hpp"

namespace freshframe::vision {

/// Stable, bright, far from the colours of the ids around it.
[[nodiscard]] Color color_of_id(std::int64_t id);
/// From red at 0 to green at 1.
[[nodiscard]] Color color_of_confidence(float confidence);

/// Draws on one picture. Whatever is not finite, has no size or does not meet the picture is left out.
class AnnotatePen {
 public:
  /// `line_width` in pixels; 0: chosen from the picture's size.
  AnnotatePen(AnnotateCanvas& canvas, double line_width);

  void ring(const Circle& circle, const Color& color);
  void box(const Detection& box, const Color& color);
  /// `length`: seconds after which a point has faded.
  void trail(const Trail& trail, double length, const Color& color);
  /// A tag with `text` above the circle, or below where there is no room above.
  void label(const Circle& circle, const std::string& text, const Color& color, Labels& labels);
  void label(const Detection& box, const std::string& text, const Color& color, Labels& labels);

 private:
  /// At the middle of the area's upper edge, or of its lower one.
  void label_at(const Box& area, const std::string& text, const Color& color, Labels& labels);
  void draw_edges(const Box& box, double half_width);

  AnnotateCanvas& canvas_;
  double line_;
  double font_;  // pixels
};

}  // namespace freshframe::vision
