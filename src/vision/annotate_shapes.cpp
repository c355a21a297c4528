// Rings, trails and labels through Cairo.
// SPDX-License-Identifier: Apache-2.0
#include "vision/annotate_shapes.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>

namespace freshframe {
namespace {

// Note [Font]
// The built-in font of Cairo (its name is "@cairo:", see the NEWS of 1.8) instead of one of the system: the
// same picture on every machine, and neither Fontconfig's start-up nor its messages on stderr nor a machine
// without fonts matter.
constexpr const char* kFont = "@cairo:";

/// Beyond this many pixels Cairo's fixed-point coordinates (24 bits before the point) could overflow.
constexpr double kFarthest = 1e6;

/// Hue in 0..6, mixed with white until it is bright enough for dark text.
Color bright(double hue) {
  const auto part = [](double value) { return std::clamp(value, 0.0, 1.0); };
  const Color pure{part(std::abs(hue - 3) - 1), part(2 - std::abs(hue - 2)), part(2 - std::abs(hue - 4))};
  const double luma = 0.2126 * pure.r + 0.7152 * pure.g + 0.0722 * pure.b;
  const double white = std::max(0.12, (0.55 - luma) / (1 - luma));
  const auto mixed = [white](double value) { return value + white * (1 - value); };
  return {mixed(pure.r), mixed(pure.g), mixed(pure.b)};
}

void set_color(cairo_t* cairo, const Color& color, double alpha = 1) {
  cairo_set_source_rgba(cairo, color.r, color.g, color.b, alpha);
}

/// Cairo's coordinates are at the corners of pixels, ours at their centres.
double at(double place) {
  return place + 0.5;
}

/// A circle in Cairo's coordinates.
struct Disc {
  double x;
  double y;
  double r;

  explicit Disc(const Circle& circle) : x(at(circle.x)), y(at(circle.y)), r(circle.r) {}

  [[nodiscard]] bool drawable() const {
    // NaN fails every comparison.
    return r > 0 && r < kFarthest && std::abs(x) < kFarthest && std::abs(y) < kFarthest;
  }
  [[nodiscard]] Box extent(double margin) const {
    return {x - r - margin, y - r - margin, x + r + margin, y + r + margin};
  }
};

void rounded_box(cairo_t* cairo, const Box& box, double radius) {
  constexpr double kQuarter = 0.5 * std::numbers::pi;
  cairo_new_sub_path(cairo);
  cairo_arc(cairo, box.right - radius, box.top + radius, radius, -kQuarter, 0);
  cairo_arc(cairo, box.right - radius, box.bottom - radius, radius, 0, kQuarter);
  cairo_arc(cairo, box.left + radius, box.bottom - radius, radius, kQuarter, 2 * kQuarter);
  cairo_arc(cairo, box.left + radius, box.top + radius, radius, 2 * kQuarter, 3 * kQuarter);
  cairo_close_path(cairo);
}

}  // namespace

Color color_of_id(std::int64_t id) {
  // Steps of the golden ratio keep the hues of neighbours apart, however many there are.
  const double steps = 0.09 + std::fmod(static_cast<double>(id) * (std::numbers::phi - 1), 1.0);
  return bright(6 * (steps - std::floor(steps)));
}

Color color_of_score(float score) {
  return bright(2 * std::clamp(std::isfinite(score) ? static_cast<double>(score) : 0.0, 0.0, 1.0));
}

AnnotatePen::AnnotatePen(AnnotateCanvas& canvas, double line_width)
    : canvas_(canvas), cairo_(canvas.cairo()) {
  const double side = std::min(canvas.width(), canvas.height());
  line_ = line_width > 0 ? line_width : std::max(1.5, side / 280);
  font_ = std::max(10.0, side / 38);
  cairo_set_line_join(cairo_, CAIRO_LINE_JOIN_ROUND);
  cairo_set_tolerance(cairo_, 0.02);
}

void AnnotatePen::ring(const Circle& circle, const Color& color) {
  const Disc disc(circle);
  const double margin = 0.5 * line_ + 2;
  // Only where the rim meets the picture is there anything to draw.
  const double far_x = std::max(disc.x, canvas_.width() - disc.x);
  const double far_y = std::max(disc.y, canvas_.height() - disc.y);
  if (!disc.drawable() || std::hypot(far_x, far_y) < disc.r - margin) return;
  canvas_.touch(disc.extent(margin));
  cairo_new_path(cairo_);
  cairo_arc(cairo_, disc.x, disc.y, disc.r, 0, 2 * std::numbers::pi);
  cairo_close_path(cairo_);
  // A dark seam keeps the line visible on a picture of its own colour.
  cairo_set_source_rgba(cairo_, 0, 0, 0, 0.55);
  cairo_set_line_width(cairo_, line_ + 2);
  cairo_stroke_preserve(cairo_);
  set_color(cairo_, color);
  cairo_set_line_width(cairo_, line_);
  cairo_stroke(cairo_);
}

void AnnotatePen::trail(const Trail& trail, double length, const Color& color) {
  constexpr int kBands = 8;  // of age, each drawn as one line
  if (trail.size() < 2) return;
  const double now = trail.back().pts;
  const auto band_of = [&](const TrailPoint& point) {
    return std::clamp(static_cast<int>(kBands * (now - point.pts) / length), 0, kBands - 1);
  };
  // Less work for lines that fade; rings would sit 0.3 pixels beside their circle with it.
  cairo_set_antialias(cairo_, CAIRO_ANTIALIAS_FAST);
  for (auto first = trail.begin(); std::next(first) != trail.end();) {
    const int band = band_of(*first);
    cairo_new_path(cairo_);
    auto point = first;
    while (true) {
      const double x = std::clamp(static_cast<double>(point->x), -kFarthest, kFarthest);
      const double y = std::clamp(static_cast<double>(point->y), -kFarthest, kFarthest);
      cairo_line_to(cairo_, at(x), at(y));
      if (point != first && band_of(*point) != band) break;
      if (std::next(point) == trail.end()) break;
      const auto& next = *std::next(point);
      canvas_.touch({std::min<double>(x, next.x) - line_ - 2, std::min<double>(y, next.y) - line_ - 2,
                     std::max<double>(x, next.x) + line_ + 3, std::max<double>(y, next.y) + line_ + 3});
      ++point;
    }
    const double fresh = 1 - (band + 0.5) / kBands;
    set_color(cairo_, color, 0.15 + 0.75 * fresh);
    cairo_set_line_width(cairo_, line_ * (0.6 + 0.9 * fresh));
    cairo_stroke(cairo_);
    first = point;
  }
  cairo_set_antialias(cairo_, CAIRO_ANTIALIAS_DEFAULT);
}

void AnnotatePen::label(const Circle& circle, const std::string& text, const Color& color) {
  const Disc disc(circle);
  const Box extent = disc.extent(line_ + 3);
  if (text.empty() || !disc.drawable() || !canvas_.meets(extent)) return;
  cairo_select_font_face(cairo_, kFont, CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);  // Note [Font]
  cairo_set_font_size(cairo_, font_);
  cairo_text_extents_t extents;
  cairo_text_extents(cairo_, text.c_str(), &extents);
  const double width = std::max(extents.x_advance + 0.8 * font_, 1.4 * font_);
  const double height = 1.35 * font_;
  const double above = extent.top - height;
  // Inside the picture, wherever the circle is.
  const double left = std::clamp(disc.x - 0.5 * width, 0.0, std::max(0.0, canvas_.width() - width));
  const double top =
      std::clamp(above < 0 ? extent.bottom : above, 0.0, std::max(0.0, canvas_.height() - height));
  const Box box{left, top, left + width, top + height};
  canvas_.touch({box.left - 2, box.top - 2, box.right + 2, box.bottom + 2});
  rounded_box(cairo_, box, 0.45 * font_);
  set_color(cairo_, color);
  cairo_fill_preserve(cairo_);
  cairo_set_source_rgba(cairo_, 0, 0, 0, 0.55);
  cairo_set_line_width(cairo_, 1);
  cairo_stroke(cairo_);
  set_color(cairo_, {0.04, 0.05, 0.08});
  cairo_move_to(cairo_, left + 0.5 * (width - extents.width) - extents.x_bearing,
                top + 0.5 * (height - extents.height) - extents.y_bearing);
  cairo_show_text(cairo_, text.c_str());
}

}  // namespace freshframe
