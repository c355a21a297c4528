// Draws rings, boxes, lines, fading trails and labels, and pixelates regions.
// SPDX-License-Identifier: Apache-2.0
#include "vision/draw/shapes.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <numbers>
#include <utility>

#include "vision/draw/rows.hpp"
#include "vision/draw/text/label.hpp"

namespace freshframe::vision {

namespace {

/// Circles that are larger or farther away are not drawn; trails are clipped there.
constexpr double kFarthest = 1e6;

/// Width of the antialiased edge of a line, in pixels.
constexpr double kSmooth = 1;

constexpr Color kBlack{};

/// A hue in 0..6, mixed with white until it is bright enough for dark text.
Color bright(double hue) {
  const auto part = [](double value) { return std::clamp(value, 0.0, 1.0); };
  const Color pure{part(std::abs(hue - 3) - 1), part(2 - std::abs(hue - 2)), part(2 - std::abs(hue - 4))};
  const double luma = 0.2126 * pure.r + 0.7152 * pure.g + 0.0722 * pure.b;
  const double white = std::max(0.12, (0.55 - luma) / (1 - luma));
  const auto mixed = [white](double value) { return value + white * (1 - value); };
  return {mixed(pure.r), mixed(pure.g), mixed(pure.b)};
}

bool drawable(const Circle& circle) {
  // All comparisons with NaN are false.
  return circle.r > 0 && circle.r < kFarthest && std::abs(circle.x) < kFarthest &&
         std::abs(circle.y) < kFarthest;
}

bool drawable(const Detection& box) {
  const auto near = [](float value) { return std::abs(value) < kFarthest; };
  return near(box.x1) && near(box.y1) && near(box.x2) && near(box.y2) && box.x1 < box.x2 && box.y1 < box.y2;
}

bool drawable(const Point& point) {
  return std::abs(point.x) < 2 * kFarthest && std::abs(point.y) < 2 * kFarthest;
}

/// Returns the area in pixels, relative to the center of the top left pixel, like all coordinates here.
Box make_area(const Detection& box) {
  constexpr double kCorner = 0.5;
  return {box.x1 - kCorner, box.y1 - kCorner, box.x2 - kCorner, box.y2 - kCorner};
}

/// Half the length of the chord at distance `y` from the center of a circle; 0 if there is none.
double half_chord(double r, double y) {
  return r > std::abs(y) ? std::sqrt(r * r - y * y) : 0;
}

/// The rows of the image between two coordinates.
struct Rows {
  int first;
  int end;

  Rows(double top, double bottom, int height)
      : first(static_cast<int>(std::clamp(std::floor(top), 0.0, static_cast<double>(height)))),
        end(static_cast<int>(std::clamp(std::floor(bottom) + 1, 0.0, static_cast<double>(height)))) {}
};

void draw_rim(AnnotateMask& mask, const RimLine& rim) {
  const double outer = rim.r + rim.half_width + kSmooth;
  const double inner = rim.r - rim.half_width - kSmooth;
  const Rows rows(rim.y - outer, rim.y + outer, mask.height());
  for (int y = rows.first; y < rows.end; ++y) {
    const double outside = half_chord(outer, y - rim.y);
    const double inside = half_chord(inner, y - rim.y);
    const auto draw = [&](double left, double right) {
      const auto columns = mask.mark(y, left, right + 1);
      if (!columns.empty()) cover(rim, y, columns, mask.row(y));
    };
    if (outside <= 0) continue;
    if (inside > kSmooth) {
      draw(rim.x - outside, rim.x - inside);
      draw(rim.x + inside, rim.x + outside);
    } else {
      draw(rim.x - outside, rim.x + outside);
    }
  }
}

void draw_stroke(AnnotateMask& mask, const Stroke& stroke) {
  const double margin = std::max(stroke.half_width, stroke.half_width + stroke.half_width_change) + kSmooth;
  const double top = std::min(stroke.y, stroke.y + stroke.dy) - margin;
  const double bottom = std::max(stroke.y, stroke.y + stroke.dy) + margin;
  const Rows rows(top, bottom, mask.height());
  for (int y = rows.first; y < rows.end; ++y) {
    // The part of the path that is close to this row.
    double first = 0;
    double last = 1;
    if (stroke.dy != 0) {
      first = std::clamp((y - margin - stroke.y) / stroke.dy, 0.0, 1.0);
      last = std::clamp((y + margin - stroke.y) / stroke.dy, 0.0, 1.0);
    }
    const double begin = stroke.x + first * stroke.dx;
    const double end = stroke.x + last * stroke.dx;
    const auto columns = mask.mark(y, std::min(begin, end) - margin, std::max(begin, end) + margin + 1);
    if (!columns.empty()) cover(stroke, y, columns, mask.row(y));
  }
}

}  // namespace

Color choose_id_color(std::int64_t id) {
  // Golden-ratio steps keep the hues of successive ids apart, however many there are.
  const double steps = 0.09 + std::fmod(static_cast<double>(id) * (std::numbers::phi - 1), 1.0);
  return bright(6 * (steps - std::floor(steps)));
}

Color choose_confidence_color(float confidence) {
  return bright(2 * std::clamp(std::isfinite(confidence) ? static_cast<double>(confidence) : 0.0, 0.0, 1.0));
}

AnnotatePen::AnnotatePen(AnnotateCanvas& canvas, double line_width) : canvas_(canvas) {
  const double side = std::min(canvas.width(), canvas.height());
  line_ = line_width > 0 ? line_width : std::max(1.5, side / 280);
  font_ = std::max(10.0, side / 38);
}

void AnnotatePen::outline(const Circle& circle, const Color& color) {
  if (!drawable(circle)) return;
  // A dark outline keeps the line visible on an image of the same color.
  draw_rim(canvas_.mask(), {circle.x, circle.y, circle.r, 0.5 * line_ + 1});
  canvas_.paint(kBlack, 0.55);
  draw_rim(canvas_.mask(), {circle.x, circle.y, circle.r, 0.5 * line_});
  canvas_.paint(color);
}

void AnnotatePen::draw_edges(const Box& box, double half_width) {
  const double width = box.right - box.left;
  const double height = box.bottom - box.top;
  draw_stroke(canvas_.mask(), {.x = box.left, .y = box.top, .dx = width, .half_width = half_width});
  draw_stroke(canvas_.mask(), {.x = box.left, .y = box.bottom, .dx = width, .half_width = half_width});
  draw_stroke(canvas_.mask(), {.x = box.left, .y = box.top, .dy = height, .half_width = half_width});
  draw_stroke(canvas_.mask(), {.x = box.right, .y = box.top, .dy = height, .half_width = half_width});
}

void AnnotatePen::outline(const Detection& box, const Color& color) {
  if (!drawable(box)) return;
  draw_edges(make_area(box), 0.5 * line_ + 1);
  canvas_.paint(kBlack, 0.55);
  draw_edges(make_area(box), 0.5 * line_);
  canvas_.paint(color);
}

void AnnotatePen::path(const std::vector<Point>& corners, bool closed, const Color& color) {
  if (!std::all_of(corners.begin(), corners.end(), [](const Point& each) { return drawable(each); })) return;
  const auto draw = [&](double half_width) {
    for (std::size_t i = closed ? 0 : 1; i < corners.size(); ++i) {
      const Point& from = corners[i > 0 ? i - 1 : corners.size() - 1];
      const Point& to = corners[i];
      draw_stroke(canvas_.mask(), {.x = from.x,
                                   .y = from.y,
                                   .dx = double{to.x} - from.x,
                                   .dy = double{to.y} - from.y,
                                   .half_width = half_width});
    }
  };
  draw(0.5 * line_ + 1);
  canvas_.paint(kBlack, 0.55);
  draw(0.5 * line_);
  canvas_.paint(color);
}

void AnnotatePen::dot(const Point& at, const Color& color) {
  if (!drawable(at)) return;
  for (const auto& [radius, paint] : {std::pair(line_ + 1, kBlack), std::pair(line_, color)}) {
    // A line as wide as the disc's radius, around a circle of half the radius, fills the disc.
    draw_rim(canvas_.mask(), {at.x, at.y, 0.5 * radius, 0.5 * radius});
    canvas_.paint(paint, paint.r + paint.g + paint.b > 0 ? 1 : 0.55);
  }
}

void AnnotatePen::area(const ObjectMask& mask, const Color& color) {
  constexpr double kOpacity = 0.45;
  if (mask.width == 0) return;
  canvas_.mask().stamp(mask.bytes, mask.width, mask.left, mask.top);
  canvas_.paint(color, kOpacity);
}

void AnnotatePen::caption(const std::string& text, const Color& color, Labels& labels) {
  if (text.empty()) return;
  put(draw_label(text, labels), 0.5 * font_, 0.5 * font_, color);
}

void AnnotatePen::trail(const Trail& trail, double length, const Color& color) {
  if (trail.size() < 2) return;
  struct End {
    double x;
    double y;
    double half_width;
    double opacity;
  };
  const double now = trail.back().pts;
  const auto end_at = [&](const TrailPoint& point) {
    const double fresh = std::clamp(1 - (now - point.pts) / length, 0.0, 1.0);
    return End{std::clamp(static_cast<double>(point.x), -kFarthest, kFarthest),
               std::clamp(static_cast<double>(point.y), -kFarthest, kFarthest),
               0.5 * line_ * (0.6 + 0.9 * fresh), 0.15 + 0.75 * fresh};
  };
  End from = end_at(trail.front());
  for (auto point = std::next(trail.begin()); point != trail.end(); ++point) {
    const End to = end_at(*point);
    draw_stroke(canvas_.mask(), {from.x, from.y, to.x - from.x, to.y - from.y, from.half_width,
                                 to.half_width - from.half_width, from.opacity, to.opacity - from.opacity});
    from = to;
  }
  canvas_.paint(color);
}

void AnnotatePen::label(const Circle& circle, const std::string& text, const Color& color, Labels& labels) {
  if (!drawable(circle)) return;
  label_at({circle.x - circle.r, circle.y - circle.r, circle.x + circle.r, circle.y + circle.r}, text, color,
           labels);
}

void AnnotatePen::label(const Detection& box, const std::string& text, const Color& color, Labels& labels) {
  if (drawable(box)) label_at(make_area(box), text, color, labels);
}

void AnnotatePen::label_at(const Box& area, const std::string& text, const Color& color, Labels& labels) {
  const double margin = line_ + 3;
  const Box around{area.left - margin, area.top - margin, area.right + margin, area.bottom + margin};
  if (text.empty() || !canvas_.meets(around)) return;
  const Label& label = draw_label(text, labels);
  const double width = label.width - 2 * Label::kMargin;
  const double height = label.height - 2 * Label::kMargin;
  const double above = around.top - height;
  const double middle = 0.5 * (area.left + area.right);
  put(label, middle - 0.5 * width, above < 0 ? around.bottom : above, color);
}

void AnnotatePen::tag(const Point& middle, const std::string& text, const Color& color, Labels& labels) {
  if (!drawable(middle)) return;
  const Label& label = draw_label(text, labels);
  put(label, middle.x - 0.5 * label.width + Label::kMargin, middle.y - 0.5 * label.height + Label::kMargin,
      color);
}

const Label& AnnotatePen::draw_label(const std::string& text, Labels& labels) const {
  constexpr double kLetter = 0.6;  // fraction of the font height: about the width of a letter
  const auto fitting = static_cast<std::size_t>(std::max(4.0, canvas_.width() / (kLetter * font_) - 1));
  return labels.label(drawable_text(text, fitting), font_);
}

// Draws the label within the image, even if the object is outside. Whole pixels keep the text sharp.
void AnnotatePen::put(const Label& label, double wanted_left, double wanted_top, const Color& color) {
  const double width = label.width - 2 * Label::kMargin;
  const double height = label.height - 2 * Label::kMargin;
  const double left = std::clamp(wanted_left, 0.0, std::max(0.0, canvas_.width() - width));
  const double top = std::clamp(wanted_top, 0.0, std::max(0.0, canvas_.height() - height));
  const int x = static_cast<int>(std::lround(left)) - Label::kMargin;
  const int y = static_cast<int>(std::lround(top)) - Label::kMargin;
  canvas_.mask().stamp(label.tag, label.width, x, y);
  canvas_.paint(color);
  canvas_.mask().stamp(label.edge, label.width, x, y);
  canvas_.paint(kBlack, 0.55);
  canvas_.mask().stamp(label.letters, label.width, x, y);
  canvas_.paint({0.04, 0.05, 0.08});
}

namespace {

// squares across the shorter side: with eight, large letters would still be readable
constexpr int kAcross = 3;
constexpr int kLeastSide = 8;  // minimum size of a square in pixels
constexpr int kEven = 2;       // chroma samples are at most this many pixels apart

// A plane's pixels per sample, and bytes per sample.
struct PlaneLayout {
  int step_x = 1;
  int step_y = 1;
  int bytes = 1;
};

PlaneLayout describe_plane(const PictureFormat& format, int plane) {
  const auto pixel_format = format.format;
  if (pixel_format == PixelFormat::Bgr || pixel_format == PixelFormat::Rgb) return {1, 1, 3};
  if (plane == 0 || pixel_format == PixelFormat::I444) return {};
  return {2, pixel_format == PixelFormat::I422 ? 1 : 2, pixel_format == PixelFormat::Nv12 ? 2 : 1};
}

struct Square {
  int left = 0;  // pixels of the image
  int top = 0;
  int right = 0;
  int bottom = 0;
};

// Calls visit(x, y) for each sample of a plane within the square. x and y are in samples.
template <class Visit>
void each_sample(const Square& square, const PlaneLayout& layout, const ObjectMask* mask,
                 const Visit& visit) {
  for (int y = square.top / layout.step_y; y * layout.step_y < square.bottom; ++y) {
    for (int x = square.left / layout.step_x; x * layout.step_x < square.right; ++x) {
      if (mask == nullptr || mask->covers(x * layout.step_x, y * layout.step_y)) visit(x, y);
    }
  }
}

void flatten(const MutablePicture& picture, int plane, const Square& square, const ObjectMask* mask) {
  const auto layout = describe_plane(picture.format, plane);
  for (int byte = 0; byte < layout.bytes; ++byte) {
    const auto at = [&](int x, int y) -> std::uint8_t& {
      return picture.row(plane, y)[static_cast<std::ptrdiff_t>(x) * layout.bytes + byte];
    };
    std::int64_t sum = 0;  // int would overflow for squares of more than 2,902 samples a side
    std::int64_t count = 0;
    each_sample(square, layout, mask, [&](int x, int y) {
      sum += at(x, y);
      ++count;
    });
    if (count == 0) continue;
    const auto mean = static_cast<std::uint8_t>((sum + count / 2) / count);
    each_sample(square, layout, mask, [&](int x, int y) { at(x, y) = mean; });
  }
}

}  // namespace

void pixelate(const MutablePicture& picture, const Box& area, const ObjectMask* mask) {
  const auto& format = picture.format;
  const auto within = [](double place, int end) {
    return static_cast<int>(std::clamp(place, 0.0, static_cast<double>(end)));
  };
  if (std::isnan(area.left) || std::isnan(area.right) || std::isnan(area.top) || std::isnan(area.bottom))
    return;
  // Even coordinates, so that luma and chroma squares coincide.
  const int left = within(std::floor(area.left), format.width) / kEven * kEven;
  const int top = within(std::floor(area.top), format.height) / kEven * kEven;
  const int right = within(std::ceil(area.right), format.width);
  const int bottom = within(std::ceil(area.bottom), format.height);
  // The size of the whole box, even if it is partly outside of the image.
  const double whole = std::min({area.right - area.left, area.bottom - area.top,
                                 static_cast<double>(std::max(format.width, format.height))});
  const int side = std::max(kLeastSide, static_cast<int>(std::ceil(whole / (kAcross * kEven))) * kEven);
  for (int y = top; y < bottom; y += side) {
    for (int x = left; x < right; x += side) {
      const Square square{x, y, std::min(x + side, right), std::min(y + side, bottom)};
      for (int plane = 0; plane < format.plane_count(); ++plane) flatten(picture, plane, square, mask);
    }
  }
}

}  // namespace freshframe::vision
