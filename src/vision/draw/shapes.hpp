// Draws rings, boxes, lines, fading trails and labels, and pixelates regions.
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

/// A bright color for an id or class. Always the same for one id, and different from those of neighboring
/// ids.
[[nodiscard]] Color choose_id_color(std::int64_t id);
/// From red for 0 to green for 1.
[[nodiscard]] Color choose_confidence_color(float confidence);

/// Draws on one image. Skips shapes that are not finite, have no size or are outside of the image.
class AnnotatePen {
 public:
  /// `line_width` in pixels; 0 chooses one from the image size.
  AnnotatePen(AnnotateCanvas& canvas, double line_width);

  void outline(const Circle& circle, const Color& color);
  void outline(const Detection& box, const Color& color);
  /// Connects the corners; if `closed`, also the last to the first. In pixels relative to the center of the
  /// top left pixel.
  void path(const std::vector<Point>& corners, bool closed, const Color& color);
  /// Draws a filled disc, sized to match the line width.
  void dot(const Point& at, const Color& color);
  /// Tints the object's pixels.
  void area(const ObjectMask& mask, const Color& color);
  /// Draws a label in the upper left corner of the image.
  void caption(const std::string& text, const Color& color, Labels& labels);
  /// Draws a label centered at a point.
  void tag(const Point& middle, const std::string& text, const Color& color, Labels& labels);
  /// `length`: seconds until a point has faded.
  void trail(const Trail& trail, double length, const Color& color);
  /// Draws a label above the circle, or below if there is no room.
  void label(const Circle& circle, const std::string& text, const Color& color, Labels& labels);
  void label(const Detection& box, const std::string& text, const Color& color, Labels& labels);
  /// Distance from a line to the center of a label beside it, in pixels.
  [[nodiscard]] double distance() const noexcept { return 2 * line_ + 1.2 * font_; }

 private:
  /// Centered at the upper edge of the area, or at its lower edge.
  void label_at(const Box& area, const std::string& text, const Color& color, Labels& labels);
  void put(const Label& label, double left, double top, const Color& color);
  [[nodiscard]] const Label& draw_label(const std::string& text, Labels& labels) const;
  void draw_edges(const Box& box, double half_width);

  AnnotateCanvas& canvas_;
  double line_;
  double font_;  // pixels
};

/// Pixelates the area, with at most three squares across its shorter side. `mask`: changes only these pixels;
/// null for the whole area.
void pixelate(const MutablePicture& picture, const Box& area, const ObjectMask* mask);

}  // namespace freshframe::vision
