// The node that draws results into a copy of their picture.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <cmath>
#include <cstddef>
#include <iomanip>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "vision/draw/canvas.hpp"
#include "vision/draw/drawable_copy.hpp"
#include "vision/draw/shapes.hpp"
#include "vision/draw/trails.hpp"

namespace freshframe {
namespace {

constexpr double kMaxTrail = 60;  // seconds
constexpr float kMaxLineWidth = 100;
constexpr vision::Color kCountColor{1, 0.92, 0.35};  // of lines and zones

void check(const AnnotateOptions& options) {
  std::ostringstream text;
  if (!(options.trail >= 0 && options.trail <= kMaxTrail)) {
    text << "Annotate needs trail from 0 to " << kMaxTrail << " seconds, got " << options.trail;
  } else if (!(options.line_width >= 0 && options.line_width <= kMaxLineWidth)) {
    text << "Annotate needs line_width from 0 (chosen from the picture's size) to " << kMaxLineWidth
         << " pixels, got " << options.line_width;
  } else {
    return;
  }
  throw OptionError(text.str());
}

std::string confidence_text(float confidence) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(2) << confidence;
  return text.str();
}

// The differences between circles and boxes.
const std::vector<Circle>& things_of(const Circles& found) {
  return found.circles;
}
const std::vector<Detection>& things_of(const Detections& found) {
  return found.boxes;
}
constexpr const char* name_of(const Circles& /*found*/) {
  return "circles";
}
constexpr const char* name_of(const Detections& /*found*/) {
  return "boxes";
}
bool shows_confidence(const AnnotateOptions& options, const Circles& /*found*/) {
  return options.confidences.value_or(false);
}
bool shows_confidence(const AnnotateOptions& options, const Detections& /*found*/) {
  return options.confidences.value_or(true);
}
std::string class_text(const Circles& /*found*/, std::size_t /*index*/) {
  return {};
}
std::string class_text(const Detections& found, std::size_t index) {
  return found.names ? class_name(found.names, found.boxes[index].class_id) : std::string();
}
vision::Color color_of(const Circles& found, std::size_t index) {
  return found.ids.empty() ? vision::color_of_confidence(found.circles[index].confidence)
                           : vision::color_of_id(found.ids[index]);
}
vision::Color color_of(const Detections& found, std::size_t index) {
  return vision::color_of_id(found.boxes[index].class_id);
}

std::vector<Point> corners_of(const LineCounts& counts) {
  return {counts.start, counts.end};
}
std::vector<Point> corners_of(const ZoneCounts& counts) {
  return counts.corners;
}

template <class Found>
void check_ids(const Found& found) {
  const auto count = things_of(found).size();
  if (found.ids.empty() || found.ids.size() == count) return;
  throw Error("Annotate needs as many ids as " + std::string(name_of(found)) + " or none, got " +
              std::to_string(found.ids.size()) + " ids for " + std::to_string(count) + " " + name_of(found));
}

}  // namespace

struct Annotate::Impl {
  AnnotateOptions options;
  vision::Trails trails;
  vision::AnnotateCanvas canvas;
  vision::Labels labels;

  // The time and the source of a picture; without a time there are no trails.
  struct When {
    std::optional<double> pts;
    int source = 0;
  };

  Frame drawn(const Frame& frame, const ValueRef& value, const When& when);
  template <class Found>
  void draw(vision::AnnotatePen& pen, const Found& found, const When& when);
  template <class Counts>
  void draw_counts(vision::AnnotatePen& pen, const Counts& counts, const When& when);
  void draw_numbers(vision::AnnotatePen& pen, const LineCounts& counts, const std::vector<Point>& ends);
  void draw_numbers(vision::AnnotatePen& pen, const ZoneCounts& counts, const std::vector<Point>& corners);
  template <class Found>
  [[nodiscard]] std::string text(const Found& found, std::size_t index) const;
};

template <class Found>
std::string Annotate::Impl::text(const Found& found, std::size_t index) const {
  std::string text;
  const auto add = [&](const std::string& part) {
    if (!text.empty() && !part.empty()) text += ' ';
    text += part;
  };
  if (options.ids && !found.ids.empty()) add("#" + std::to_string(found.ids[index]));
  if (options.names) add(class_text(found, index));
  if (shows_confidence(options, found)) add(confidence_text(things_of(found)[index].confidence));
  return text;
}

Frame Annotate::Impl::drawn(const Frame& frame, const ValueRef& value, const When& when) {
  if (!frame) {
    throw Error("Annotate needs the frame in which the objects were found, but this sample carries none");
  }
  FrameBuilder picture = vision::drawable_copy(frame);
  canvas.begin(picture.picture());
  vision::AnnotatePen pen(canvas, options.line_width);
  if (const auto* circles = value.as<Circles>()) {
    draw(pen, *circles, when);
  } else if (const auto* boxes = value.as<Detections>()) {
    draw(pen, *boxes, when);
  } else if (const auto* line = value.as<LineCounts>()) {
    draw_counts(pen, *line, when);
  } else if (const auto* zone = value.as<ZoneCounts>()) {
    draw_counts(pen, *zone, when);
  } else {  // only possible below a node without an output type
    throw GraphError(
        "takes Circles, Detections, LineCounts or ZoneCounts, but its parent gave something else");
  }
  return std::move(picture).publish(frame.ops());
}

// The border below the objects, the numbers above them.
template <class Counts>
void Annotate::Impl::draw_counts(vision::AnnotatePen& pen, const Counts& counts, const When& when) {
  auto corners = corners_of(counts);
  // Coordinates of boxes count from the corner of a pixel, those of circles from its centre.
  const float offset = std::holds_alternative<Detections>(counts.tracks) ? -0.5F : 0.0F;
  for (auto& corner : corners) corner = {corner.x + offset, corner.y + offset};
  pen.path(corners, corners.size() > 2, kCountColor);
  std::visit([&](const auto& found) { draw(pen, found, when); }, counts.tracks);
  draw_numbers(pen, counts, corners);
}

// Each number is on the side to which the counted objects went.
void Annotate::Impl::draw_numbers(vision::AnnotatePen& pen, const LineCounts& counts,
                                  const std::vector<Point>& ends) {
  const Point& start = ends.front();
  const Point& end = ends.back();
  const float dx = end.x - start.x;
  const float dy = end.y - start.y;
  const float share = static_cast<float>(pen.distance()) / std::hypot(dx, dy);
  const Point middle{start.x + dx / 2, start.y + dy / 2};
  pen.tag({middle.x - share * dy, middle.y + share * dx}, std::to_string(counts.forward), kCountColor,
          labels);
  pen.tag({middle.x + share * dy, middle.y - share * dx}, std::to_string(counts.backward), kCountColor,
          labels);
}

void Annotate::Impl::draw_numbers(vision::AnnotatePen& pen, const ZoneCounts& counts,
                                  const std::vector<Point>& corners) {
  Point middle;
  for (const auto& corner : corners) {
    middle.x += corner.x / static_cast<float>(corners.size());
    middle.y += corner.y / static_cast<float>(corners.size());
  }
  pen.tag(middle, std::to_string(counts.inside.size()), kCountColor, labels);
}

template <class Found>
void Annotate::Impl::draw(vision::AnnotatePen& pen, const Found& found, const When& when) {
  check_ids(found);
  const auto& things = things_of(found);
  if (!found.ids.empty() && options.trail > 0 && when.pts) {
    trails.add(found, when.source, *when.pts);
    for (std::size_t i = 0; i < things.size(); ++i)
      pen.trail(trails.of(when.source, found.ids[i]), options.trail, color_of(found, i));
  }
  for (std::size_t i = 0; i < things.size(); ++i) pen.outline(things[i], color_of(found, i));
  // Last, so that no line is drawn over a text.
  for (std::size_t i = 0; i < things.size(); ++i)
    pen.label(things[i], text(found, i), color_of(found, i), labels);
}

Annotate::Annotate(const AnnotateOptions& options) {
  check(options);
  impl_ = std::make_unique<Impl>(Impl{options, vision::Trails(options.trail), {}, {}});
}

Annotate::~Annotate() = default;

std::vector<const TypeInfo*> Annotate::input_types() const {
  return {type_of<Circles>(), type_of<Detections>(), type_of<LineCounts>(), type_of<ZoneCounts>()};
}

void Annotate::source_gone(int source) {
  impl_->trails.forget(source);
}

std::optional<Emitted> Annotate::process_any(const AnySample& sample, const Context& /*context*/) {
  return Emitted{{}, impl_->drawn(sample.frame, sample.value, {sample.stamp.pts, sample.stamp.source})};
}

Frame Annotate::draw(const Frame& frame, const ValueRef& value, std::optional<double> time) {
  return impl_->drawn(frame, value, {time, 0});
}

}  // namespace freshframe
