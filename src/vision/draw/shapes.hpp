// The shapes that are drawn: rings, boxes, lines, fading trails, labels; and parts that are made unrecognisable.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freshframe/frame.hpp"
#include "freshframe/vision.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "vision/draw/canvas.hpp"
#include "vision/draw/run_lengths.hpp"
#include "vision/draw/text/label.hpp"
#include "vision/draw/trails.hpp"

namespace freshframe::vision {

/// Stable, bright, different from the colours of neighbouring ids; also for a class.
[[nodiscard]] Color choose_id_color(std::int64_t id);
/// From red at 0 to green at 1.
[[nodiscard]] Color choose_confidence_color(float confidence);

/// Draws on one picture. Shapes that are not finite, have no size or are outside the picture are left out.
class AnnotatePen {
 public:
  /// `line_width` in pixels; 0 means chosen from the picture's size.
  AnnotatePen(AnnotateCanvas& canvas, double line_width);

  void outline(const Circle& circle, const Color& color);
  void outline(const Detection& box, const Color& color);
  /// From corner to corner; `closed`: and back to the first one. Corners in pixels counted from the centre of
  /// the top left one.
  void path(const std::vector<Point>& corners, bool closed, const Color& color);
  /// A filled disc; its radius fits a line's width.
  void dot(const Point& at, const Color& color);
  /// Colours the object's pixels.
  void area(const ObjectMask& mask, const Color& color);
  /// A tag in the picture's upper left corner.
  void caption(const std::string& text, const Color& color, Labels& labels);
  /// A tag whose middle is at a place.
  void tag(const Point& middle, const std::string& text, const Color& color, Labels& labels);
  /// `length`: seconds after which a point has faded.
  void trail(const Trail& trail, double length, const Color& color);
  /// A tag with `text` above the circle, or below if there is no room above.
  void label(const Circle& circle, const std::string& text, const Color& color, Labels& labels);
  void label(const Detection& box, const std::string& text, const Color& color, Labels& labels);
  /// From a line to the middle of a tag beside it, pixels.
  [[nodiscard]] double distance() const noexcept { return 2 * line_ + 1.2 * font_; }

 private:
  /// At the middle of the area's upper edge, or of its lower one.
  void label_at(const Box& area, const std::string& text, const Color& color, Labels& labels);
  void put(const Label& label, double left, double top, const Color& color);
  [[nodiscard]] const Label& draw_label(const std::string& text, Labels& labels) const;
  void draw_edges(const Box& box, double half_width);

  AnnotateCanvas& canvas_;
  double line_;
  double font_;  // pixels
};

/// Replaces squares of the area, three or fewer across its shorter side, by their mean. `mask`: only its pixels
/// change; null means all of the area.
void pixelate(const MutablePicture& picture, const Box& area, const ObjectMask* mask);

}  // namespace freshframe::vision
