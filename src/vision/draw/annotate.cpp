// The node that draws results onto a copy of the image.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/frame.hpp"
#include "freshframe/results.hpp"
#include "freshframe/vision.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iomanip>
#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "vision/class_choice.hpp"
#include "vision/draw/canvas.hpp"
#include "vision/draw/run_lengths.hpp"
#include "vision/draw/shapes.hpp"
#include "vision/draw/text/text_template.hpp"
#include "vision/draw/trails.hpp"
#include "vision/frame_sizes.hpp"

namespace freshframe::vision {

namespace {

/// A copy of the frame in its own format, except that gray becomes I420, which has color.
[[nodiscard]] FrameBuilder drawable_copy(const Frame& frame) {
  constexpr int kNeutral = 128;  // neutral chroma
  const Picture from = frame.picture();
  const bool gray = from.format.format == PixelFormat::Gray;
  PictureFormat format = from.format;
  if (gray) format.format = PixelFormat::I420;
  FrameBuilder copy(format);
  const Picture to = copy.picture();
  for (int i = 0; i < to.format.plane_count(); ++i) {
    const Plane& target = to.planes[static_cast<std::size_t>(i)];
    const auto size = static_cast<std::size_t>(target.row_bytes);
    for (int y = 0; y < target.rows; ++y) {
      std::uint8_t* const row = copy.plane(i) + y * copy.stride(i);
      if (gray && i > 0) {
        std::memset(row, kNeutral, size);
      } else {
        std::memcpy(row, from.planes[static_cast<std::size_t>(i)].row(y), size);
      }
    }
  }
  return copy;
}

constexpr float kLeastConfidence = 0.5F;
constexpr float kToCentres = -0.5F;  // offset from the corner of the first pixel to its center
constexpr std::size_t kPersonPoints = 17;

template <class Values>
const DataColumn* drawn_column(const Detections& found, bool is_read, const char* name,
                               bool (*fits)(const std::vector<std::size_t>&), const char* wanted) {
  const auto* column = is_read && !found.boxes.empty() ? find_column(found.data, name) : nullptr;
  if (column == nullptr) return nullptr;
  if (std::holds_alternative<Values>(column->values) && fits(column->shape)) return column;
  throw Error(std::string("Annotate draws the column '") + name + "', which must contain " + wanted +
              "; or rename the column");
}

std::span<const float> view_row(const DataColumn& column, std::size_t index) {
  const auto& all = std::get<std::vector<float>>(column.values);
  return std::span(all).subspan(index * column.width(), column.width());
}

/// In pixels, relative to the center of the top left pixel.
struct KeyPoint {
  Point at;
  bool seen = false;
};

/// The columns to read.
struct ShapeColumns {
  bool masks = false;
  bool key_points = false;
  bool corners = false;
};

/// Reads the columns of one result. All are optional.
class ObjectShapes {
 public:
  /// Throws Error if a column has the wrong type or shape. Without boxes, columns are not checked, because an
  /// empty column can have any type.
  ObjectShapes(const Detections& found, const ShapeColumns& read)
      : mask_(drawn_column<std::vector<std::string>>(
            found, read.masks, "mask", [](const auto& shape) { return shape.empty(); },
            "strings of freshframe.masks.encode()")),
        key_points_(drawn_column<std::vector<float>>(
            found, read.key_points, "keypoints",
            [](const auto& shape) { return shape.size() == 2 && (shape[1] == 2 || shape[1] == 3); },
            "float32 of the shape (n, k, 2) or (n, k, 3): convert it with astype(numpy.float32)")),
        corners_(drawn_column<std::vector<float>>(
            found, read.corners, "corners",
            [](const auto& shape) { return shape == std::vector<std::size_t>{4, 2}; },
            "float32 of the shape (n, 4, 2): convert it with astype(numpy.float32)")) {}

  /// Column `mask`: strings, see parse_mask().
  [[nodiscard]] std::optional<ObjectMask> mask(std::size_t index, int width, int height) const {
    if (mask_ == nullptr) return std::nullopt;
    return parse_mask(std::get<std::vector<std::string>>(mask_->values)[index], width, height);
  }
  /// Column `keypoints`: (n, k, 2) with x and y, or (n, k, 3) with a confidence. Those below 0.5 or with NaN
  /// are not drawn.
  [[nodiscard]] std::vector<KeyPoint> key_points(std::size_t index) const {
    std::vector<KeyPoint> points;
    if (key_points_ == nullptr) return points;
    const auto row = view_row(*key_points_, index);
    const auto step = key_points_->shape[1];
    for (std::size_t i = 0; i + step <= row.size(); i += step) {
      const bool sure = step == 2 || row[i + 2] >= kLeastConfidence;
      points.push_back({{row[i] + kToCentres, row[i + 1] + kToCentres},
                        sure && std::isfinite(row[i]) && std::isfinite(row[i + 1])});
    }
    return points;
  }
  /// Column `corners`: (n, 4, 2), for oriented boxes. Returns an empty list if the box has none.
  [[nodiscard]] std::vector<Point> corners(std::size_t index) const {
    std::vector<Point> points;
    if (corners_ == nullptr) return points;
    const auto row = view_row(*corners_, index);
    for (std::size_t i = 0; i + 1 < row.size(); i += 2) {
      if (!std::isfinite(row[i]) || !std::isfinite(row[i + 1])) return {};
      points.push_back({row[i] + kToCentres, row[i + 1] + kToCentres});
    }
    return points;
  }

 private:
  const DataColumn* mask_ = nullptr;
  const DataColumn* key_points_ = nullptr;
  const DataColumn* corners_ = nullptr;
};

using Bones = std::vector<std::pair<int, int>>;

/// Pairs of keypoints to connect by a line: the given ones or, if there are none and 17 keypoints, those of
/// COCO's persons.
[[nodiscard]] Bones list_bones(const Bones& given, std::size_t key_points) {
  for (const auto& [from, to] : given) {
    if (std::cmp_less(std::max(from, to), key_points)) continue;
    throw Error("Annotate(skeletons=) joins the key points " + std::to_string(from) + " and " +
                std::to_string(to) + ", but each object has " + std::to_string(key_points) +
                ", counted from 0");
  }
  // Order of the keypoints: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles; left first.
  if (!given.empty() || key_points != kPersonPoints) return given;
  return {{0, 1},  {0, 2},  {1, 3},  {2, 4},   {5, 6},   {5, 7},   {7, 9},   {6, 8},
          {8, 10}, {5, 11}, {6, 12}, {11, 12}, {11, 13}, {13, 15}, {12, 14}, {14, 16}};
}

}  // namespace

}  // namespace freshframe::vision

namespace freshframe {

namespace {

constexpr double kMaxTrail = 60;  // seconds
constexpr float kMaxLineWidth = 100;
constexpr vision::Color kCountColor{1, 0.92, 0.35};  // color of lines and zones

void check(const AnnotateOptions& options) {
  std::ostringstream text;
  if (!(options.trail >= 0 && options.trail <= kMaxTrail)) {
    text << "Annotate needs trail from 0 to " << kMaxTrail << " seconds, got " << options.trail;
  } else if (options.line_width && !(*options.line_width > 0 && *options.line_width <= kMaxLineWidth)) {
    text << "Annotate needs line_width of more than 0 and at most " << kMaxLineWidth << " pixels, got "
         << *options.line_width << "; without it the width fits the frame's size";
  } else if (const auto wrong = std::ranges::find_if(
                 options.bones, [](const auto& bone) { return std::min(bone.first, bone.second) < 0; });
             wrong != options.bones.end()) {
    text << "Annotate(skeletons=) needs pairs of key points, counted from 0, got (" << wrong->first << ", "
         << wrong->second << ")";
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

// Accessors for both circles and boxes.
const std::vector<Circle>& list_things(const Circles& found) {
  return found.circles;
}
const std::vector<Detection>& list_things(const Detections& found) {
  return found.boxes;
}
constexpr const char* get_type_name(const Circles& /*found*/) {
  return "circles";
}
constexpr const char* get_type_name(const Detections& /*found*/) {
  return "boxes";
}
std::string kind_text(const Circles& /*found*/, std::size_t /*index*/) {
  return {};
}
std::string kind_text(const Detections& found, std::size_t index) {
  const auto confidence = confidence_text(found.boxes[index].confidence);
  return found.names ? class_name(found.names, found.boxes[index].class_id) + ' ' + confidence : confidence;
}
vision::Color choose_color(const Circles& found, std::size_t index) {
  return found.ids.empty() ? vision::choose_confidence_color(found.circles[index].confidence)
                           : vision::choose_id_color(found.ids[index]);
}
vision::Color choose_color(const Detections& found, std::size_t index) {
  return vision::choose_id_color(found.boxes[index].class_id);
}

std::vector<Point> list_corners(const LineCounts& counts) {
  return {counts.start, counts.end};
}
std::vector<Point> list_corners(const ZoneCounts& counts) {
  return counts.corners;
}

Point compute_middle(const std::vector<Point>& corners) {
  Point middle;
  for (const auto& corner : corners) {
    middle.x += corner.x / static_cast<float>(corners.size());
    middle.y += corner.y / static_cast<float>(corners.size());
  }
  return middle;
}

// The boxes in a value, or null.
const Detections* boxes_in(const ValueRef& value) {
  if (const auto* boxes = value.as<Detections>()) return boxes;
  if (const auto* line = value.as<LineCounts>()) return std::get_if<Detections>(&line->tracks);
  if (const auto* zones = value.as<Zones>()) return std::get_if<Detections>(&zones->tracks);
  return nullptr;
}

bool is_drawable(const ValueRef& value) {
  return value.as<Circles>() != nullptr || value.as<Detections>() != nullptr ||
         value.as<LineCounts>() != nullptr || value.as<Zones>() != nullptr;
}

std::size_t count_in(const ValueRef& value) {
  if (const auto* boxes = boxes_in(value)) return boxes->boxes.size();
  const auto count = [](const auto* counts) {
    const auto* const circles = counts == nullptr ? nullptr : std::get_if<Circles>(&counts->tracks);
    return circles == nullptr ? std::size_t{0} : circles->circles.size();
  };
  if (const auto* circles = value.as<Circles>()) return circles->circles.size();
  return count(value.as<LineCounts>()) + count(value.as<Zones>());
}

template <class Found>
void check_ids(const Found& found) {
  const auto count = list_things(found).size();
  if (found.ids.empty() || found.ids.size() == count) return;
  throw Error("Annotate needs as many ids as " + std::string(get_type_name(found)) + " or none, got " +
              std::to_string(found.ids.size()) + " ids for " + std::to_string(count) + " " +
              get_type_name(found));
}

}  // namespace

struct Annotate::Impl {
  AnnotateOptions options;
  vision::Trails trails;
  vision::AnnotateCanvas canvas;
  vision::Labels labels;
  std::optional<vision::TextTemplate> label_text;
  vision::TextTemplate caption;

  // Timestamp and source of an image; without a timestamp no trails are drawn.
  struct When {
    std::optional<double> pts;
    PictureSize size;
    int source = 0;
    std::optional<double> utc = {};
    std::int64_t seq = 0;
    const vision::Dwells* dwells = nullptr;  // dwells of the zones
  };

  Frame draw_value(const Frame& frame, const ValueRef& value, const When& when);
  template <class Found>
  void draw(vision::AnnotatePen& pen, const Found& found, const When& when);
  void draw_outlines(vision::AnnotatePen& pen, const Circles& found);
  void draw_outlines(vision::AnnotatePen& pen, const Detections& found);
  void draw_line(vision::AnnotatePen& pen, const LineCounts& counts, const When& when);
  void draw_zones(vision::AnnotatePen& pen, const Zones& counts, const When& when);
  template <class Counts>
  std::vector<Point> draw_border(vision::AnnotatePen& pen, const Counts& counts,
                                 const std::variant<Circles, Detections>& tracks);
  void draw_numbers(vision::AnnotatePen& pen, const LineCounts& counts, const std::vector<Point>& ends);
  template <class Found>
  [[nodiscard]] std::string text(const Found& found, std::size_t index, const When& when) const;
  [[nodiscard]] std::string caption_text(const When& when, std::size_t count) const;
  void draw_caption(vision::AnnotatePen& pen, std::size_t count, const When& when);
  void blur(const MutablePicture& picture, const Detections& found) const;
};

template <class Found>
std::string Annotate::Impl::text(const Found& found, std::size_t index, const When& when) const {
  if (label_text) {
    return label_text->fill(
        [&](const std::string& name) { return vision::find_field(found, index, name, when.dwells); },
        [&] { return vision::list_fields(found, when.dwells); });
  }
  std::string text = kind_text(found, index);
  if (found.ids.empty()) return text;
  const auto id = "#" + std::to_string(found.ids[index]);
  return text.empty() ? id : id + ' ' + text;
}

Frame Annotate::Impl::draw_value(const Frame& frame, const ValueRef& value, const When& when) {
  if (!frame) {
    throw Error("Annotate needs the frame in which the objects were found, but this sample has none");
  }
  if (!is_drawable(value)) {  // only possible downstream of a node without an output type
    throw GraphError("takes Circles, Detections, LineCounts or Zones, but its parent returned " +
                     std::string((value ? value.get()->type() : get_type<Frame>())->name));
  }
  FrameBuilder picture = vision::drawable_copy(frame);
  if (!options.blur.empty()) {
    const auto* const boxes = boxes_in(value);
    if (boxes == nullptr)
      throw Error(
          "Annotate can blur only boxes, by their class, but circles have none: leave blur out, or pass "
          "Detections");
    blur(picture.picture(), *boxes);
  }
  canvas.begin_picture(picture.picture());
  vision::AnnotatePen pen(canvas, options.line_width.value_or(0));
  if (const auto* circles = value.as<Circles>()) {
    draw(pen, *circles, when);
  } else if (const auto* boxes = value.as<Detections>()) {
    draw(pen, *boxes, when);
  } else if (const auto* line = value.as<LineCounts>()) {
    draw_line(pen, *line, when);
  } else {
    draw_zones(pen, *value.as<Zones>(), when);
  }
  draw_caption(pen, count_in(value), when);
  return std::move(picture).publish(frame.ops());
}

std::string Annotate::Impl::caption_text(const When& when, std::size_t count) const {
  const auto field = [&](const std::string& name) -> std::optional<vision::FieldValue> {
    if (name == "pts") return when.pts ? vision::FieldValue(*when.pts) : vision::FieldValue();
    if (name == "utc")
      return when.utc ? vision::FieldValue(vision::WallTime{*when.utc}) : vision::FieldValue();
    if (name == "seq") return when.seq;
    if (name == "count") return static_cast<std::int64_t>(count);
    return std::nullopt;
  };
  return caption.fill(field, [] { return "pts, utc, seq and count"; });
}

void Annotate::Impl::draw_caption(vision::AnnotatePen& pen, std::size_t count, const When& when) {
  if (!caption.empty()) pen.caption(caption_text(when, count), kCountColor, labels);
}

void Annotate::Impl::blur(const MutablePicture& picture, const Detections& found) const {
  for (const auto& name : options.blur) vision::check_class("Annotate cannot blur", name, found);
  const vision::ObjectShapes shapes(found, {.masks = true});
  for (std::size_t i = 0; i < found.boxes.size(); ++i) {
    const auto& box = found.boxes[i];
    if (std::ranges::find(options.blur, vision::find_class_name(found, i)) == options.blur.end()) continue;
    const auto mask = shapes.mask(i, picture.format.width, picture.format.height);
    vision::pixelate(picture, {box.x1, box.y1, box.x2, box.y2}, mask && mask->width > 0 ? &*mask : nullptr);
  }
}

// Draws the line below the objects, the numbers above them.
void Annotate::Impl::draw_line(vision::AnnotatePen& pen, const LineCounts& counts, const When& when) {
  const auto ends = draw_border(pen, counts, counts.tracks);
  std::visit([&](const auto& found) { draw(pen, found, when); }, counts.tracks);
  draw_numbers(pen, counts, ends);
}

void Annotate::Impl::draw_zones(vision::AnnotatePen& pen, const Zones& counts, const When& when) {
  std::vector<std::vector<Point>> corners;
  for (const auto& [name, zone] : counts.zones) corners.push_back(draw_border(pen, zone, counts.tracks));
  const auto dwells = vision::find_dwells(counts);
  auto now = when;
  now.dwells = &dwells;
  std::visit([&](const auto& found) { draw(pen, found, now); }, counts.tracks);
  for (std::size_t i = 0; i < corners.size(); ++i) {
    const auto& [name, zone] = counts.zones[i];
    pen.tag(compute_middle(corners[i]), name + " " + std::to_string(zone.inside.size()), kCountColor, labels);
  }
}

// The corners in the coordinates that circles use.
template <class Counts>
std::vector<Point> Annotate::Impl::draw_border(vision::AnnotatePen& pen, const Counts& counts,
                                               const std::variant<Circles, Detections>& tracks) {
  auto corners = list_corners(counts);
  // Box coordinates start at the corner of a pixel, circle coordinates at its center.
  const float offset = std::holds_alternative<Detections>(tracks) ? -0.5F : 0.0F;
  for (auto& corner : corners) corner = {corner.x + offset, corner.y + offset};
  pen.path(corners, corners.size() > 2, kCountColor);
  return corners;
}

// Each number is drawn on the side to which the counted objects moved.
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

void Annotate::Impl::draw_outlines(vision::AnnotatePen& pen, const Circles& found) {
  for (std::size_t i = 0; i < found.circles.size(); ++i)
    pen.outline(found.circles[i], choose_color(found, i));
}

// Draws masks, then boxes or corners, then keypoints.
void Annotate::Impl::draw_outlines(vision::AnnotatePen& pen, const Detections& found) {
  const vision::ObjectShapes shapes(
      found, {.masks = options.masks, .key_points = options.skeletons, .corners = true});
  vision::Bones bones;  // bones that all objects have in common
  for (std::size_t i = 0; options.masks && i < found.boxes.size(); ++i) {
    if (const auto mask = shapes.mask(i, canvas.width(), canvas.height()))
      pen.area(*mask, choose_color(found, i));
  }
  for (std::size_t i = 0; i < found.boxes.size(); ++i) {
    const auto corners = shapes.corners(i);
    if (corners.empty()) {
      pen.outline(found.boxes[i], choose_color(found, i));
    } else {
      pen.path(corners, true, choose_color(found, i));
    }
    if (!options.skeletons) continue;
    const auto points = shapes.key_points(i);
    if (points.empty()) continue;
    if (bones.empty()) bones = vision::list_bones(options.bones, points.size());
    for (const auto& [from, to] : bones) {
      const auto& begin = points[static_cast<std::size_t>(from)];
      const auto& end = points[static_cast<std::size_t>(to)];
      if (begin.seen && end.seen) pen.path({begin.at, end.at}, false, choose_color(found, i));
    }
    for (const auto& point : points) {
      if (point.seen) pen.dot(point.at, choose_color(found, i));
    }
  }
}

template <class Found>
void Annotate::Impl::draw(vision::AnnotatePen& pen, const Found& found, const When& when) {
  check_ids(found);
  const auto& things = list_things(found);
  if (!found.ids.empty() && options.trail > 0 && when.pts) {
    trails.resize(when.source, when.size);
    trails.add(found, when.source, *when.pts);
    for (std::size_t i = 0; i < things.size(); ++i)
      pen.trail(trails.find_trail(when.source, found.ids[i]), options.trail, choose_color(found, i));
  }
  draw_outlines(pen, found);
  // Last, so that no line is drawn over a label.
  for (std::size_t i = 0; i < things.size(); ++i)
    pen.label(things[i], text(found, i, when), choose_color(found, i), labels);
}

Annotate::Annotate(const AnnotateOptions& options) {
  check(options);
  std::optional<vision::TextTemplate> label;
  if (options.labels) label.emplace("Annotate(labels=)", *options.labels);
  impl_ = std::make_unique<Impl>(Impl{options,
                                      vision::Trails(options.trail),
                                      {},
                                      {},
                                      std::move(label),
                                      vision::TextTemplate("Annotate(caption=)", options.caption)});
  try {  // checked here, because the fields are known now
    static_cast<void>(impl_->caption_text({}, 0));
  } catch (const Error& error) {
    throw OptionError(error.what());
  }
}

Annotate::~Annotate() = default;

std::vector<const TypeInfo*> Annotate::input_types() const {
  return {get_type<Circles>(), get_type<Detections>(), get_type<LineCounts>(), get_type<Zones>()};
}

void Annotate::source_gone(int source) {
  impl_->trails.forget(source);
}

std::optional<Emitted> Annotate::process_any(const AnySample& sample, const Context& /*context*/) {
  const auto& stamp = sample.stamp;
  Impl::When when{
      .pts = stamp.pts, .size = vision::size_of(sample.frame), .source = stamp.source, .seq = stamp.seq};
  if (stamp.utc.from != UtcFrom::None) when.utc = stamp.utc.seconds;
  return Emitted{{}, impl_->draw_value(sample.frame, sample.value, when)};
}

Frame Annotate::draw(const Frame& frame, const ValueRef& value, std::optional<double> pts) {
  return impl_->draw_value(frame, value, {.pts = pts, .size = vision::size_of(frame)});
}

}  // namespace freshframe
