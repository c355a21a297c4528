// Results as JSON.
// SPDX-License-Identifier: Apache-2.0
#include "serve/video/results_json.hpp"

#include "freshframe/counting.hpp"

#include <cmath>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace freshframe::serve {
namespace {

constexpr float kParts = 8;       // units per pixel
constexpr float kToCorner = .5F;  // circles use pixel centers as integer coordinates, pages use pixel corners
constexpr float kThousandths = 1000;

/// Writes a coordinate in units of 1/8 pixel, or null if it is not finite or its magnitude exceeds 1e8.
void write_parts(JsonWriter& json, float pixels) {
  if (!std::isfinite(pixels) || std::abs(pixels) > 1e8F) {
    json.null();
  } else {
    json.value(std::lround(pixels * kParts));
  }
}

void write_point(JsonWriter& json, const Point& point, float shift) {
  json.begin_array().value(double{point.x + shift}).value(double{point.y + shift}).end_array();
}

float find_shift(const std::variant<Circles, Detections>& tracks) {
  return std::holds_alternative<Circles>(tracks) ? kToCorner : 0;
}

template <class Objects>
void write_scores(JsonWriter& json, const Objects& objects) {
  json.key("scores").begin_array();
  for (const auto& each : objects)
    json.value(std::isfinite(each.confidence) ? std::lround(each.confidence * kThousandths) : 0);
  json.end_array();
}

void write_numbers(JsonWriter& json, std::string_view name, std::span<const std::int64_t> numbers) {
  json.key(name).begin_array();
  for (const auto number : numbers) json.value(number);
  json.end_array();
}

void write_names(JsonWriter& json, const ClassNames& names) {
  json.key("names");
  if (!names) {
    json.null();
    return;
  }
  json.begin_array();
  for (const auto& name : *names) json.value(std::string_view(name));
  json.end_array();
}

bool has_corners(const DataColumn& column) {
  return column.name == "corners" && std::holds_alternative<std::vector<float>>(column.values) &&
         column.shape == std::vector<std::size_t>{4, 2};
}

void write_corners(JsonWriter& json, const DataColumn& column) {
  json.key("corners").begin_array();
  for (const float side : std::get<std::vector<float>>(column.values)) write_parts(json, side);
  json.end_array();
}

/// Keypoints as stored in columns: x and y, or x, y and confidence. Writes null for those with low
/// confidence.
void write_key_points(JsonWriter& json, const DataColumn& column) {
  constexpr float kLeastConfidence = .5F;
  const auto step = column.shape[1];
  const auto& all = std::get<std::vector<float>>(column.values);
  json.key("keypoints").begin_object().member("count", column.shape[0]).key("xy").begin_array();
  for (std::size_t i = 0; i + step <= all.size(); i += step) {
    const bool sure = step == 2 || all[i + 2] >= kLeastConfidence;
    for (std::size_t k = 0; k < 2; ++k) {
      if (sure) {
        write_parts(json, all[i + k]);
      } else {
        json.null();
      }
    }
  }
  json.end_array().end_object();
}

bool has_key_points(const DataColumn& column) {
  return column.name == "keypoints" && std::holds_alternative<std::vector<float>>(column.values) &&
         column.shape.size() == 2 && (column.shape[1] == 2 || column.shape[1] == 3);
}

void write_column(JsonWriter& json, const DataColumn& column) {
  json.key(column.name).begin_array();
  std::visit(
      [&](const auto& values) {
        for (const auto& each : values) {
          if constexpr (std::is_same_v<std::decay_t<decltype(each)>, std::string>) {
            json.value(std::string_view(each));
          } else if constexpr (std::is_same_v<std::decay_t<decltype(each)>, float>) {
            json.value(double{each});
          } else {
            json.value(each);
          }
        }
      },
      column.values);
  json.end_array();
}

void write_line(JsonWriter& json, std::string_view name, const LineCounts& line, bool with_counts) {
  const float shift = find_shift(line.tracks);
  json.begin_object().member("name", name).key("start");
  write_point(json, line.start, shift);
  json.key("end");
  write_point(json, line.end, shift);
  if (with_counts) json.member("forward", line.forward).member("backward", line.backward);
  json.end_object();
}

void write_zone(JsonWriter& json, std::string_view name, const ZoneCounts& zone, float shift,
                bool with_counts) {
  json.begin_object().member("name", name).key("corners").begin_array();
  for (const auto& corner : zone.corners) write_point(json, corner, shift);
  json.end_array();
  if (with_counts) {
    write_numbers(json, "inside", zone.inside);
    json.member("entered", zone.entered).member("left", zone.left);
  }
  json.end_object();
}

std::string lines_json(const LineCounts& line, bool with_counts) {
  JsonWriter json;
  json.begin_array();
  write_line(json, "", line, with_counts);
  json.end_array();
  return std::move(json).take();
}

std::string zones_json(const Zones& zones, bool with_counts) {
  JsonWriter json;
  json.begin_array();
  for (const auto& [name, zone] : zones.zones)
    write_zone(json, name, zone, find_shift(zones.tracks), with_counts);
  json.end_array();
  return std::move(json).take();
}

}  // namespace

bool is_for_pages(const ValueRef& value) {
  return value.as<Detections>() != nullptr || value.as<Circles>() != nullptr ||
         value.as<LineCounts>() != nullptr || value.as<Zones>() != nullptr;
}

std::optional<std::string> ResultsJson::write(const Stamp& stamp, const ValueRef& value, PictureSize size) {
  JsonWriter json;
  json.begin_object().member("seq", stamp.seq);
  if (size.width > 0) json.key("size").begin_array().value(size.width).value(size.height).end_array();
  if (const auto* boxes = value.as<Detections>()) {
    write_objects(json, *boxes);
  } else if (const auto* circles = value.as<Circles>()) {
    write_objects(json, *circles);
  } else if (const auto* line = value.as<LineCounts>()) {
    lines_ = lines_json(*line, false);
    json.key("lines").json(lines_json(*line, true));
    std::visit([&](const auto& tracks) { write_objects(json, tracks); }, line->tracks);
  } else if (const auto* zones = value.as<Zones>()) {
    zones_ = zones_json(*zones, false);
    json.key("zones").json(zones_json(*zones, true));
    std::visit([&](const auto& tracks) { write_objects(json, tracks); }, zones->tracks);
  } else {
    return std::nullopt;
  }
  json.end_object();
  return std::move(json).take();
}

void ResultsJson::write_objects(JsonWriter& json, const Circles& found) {
  kind_ = "circles";
  json.key("circles").begin_array();
  for (const auto& circle : found.circles) {
    write_parts(json, circle.x + kToCorner);
    write_parts(json, circle.y + kToCorner);
    write_parts(json, circle.r);
  }
  json.end_array();
  write_scores(json, found.circles);
  if (found.tracked) write_numbers(json, "ids", found.ids);
}

void ResultsJson::write_objects(JsonWriter& json, const Detections& found) {
  kind_ = "boxes";
  json.key("boxes").begin_array();
  for (const auto& box : found.boxes) {
    for (const float side : {box.x1, box.y1, box.x2, box.y2}) write_parts(json, side);
  }
  json.end_array().key("classes").begin_array();
  for (const auto& box : found.boxes) json.value(box.class_id);
  json.end_array();
  write_scores(json, found.boxes);
  if (found.tracked) write_numbers(json, "ids", found.ids);
  if (found.names != names_ && found.names && (!names_ || *names_ != *found.names))
    write_names(json, found.names);
  if (found.names) names_ = found.names;
  for (const auto& column : found.data) {
    if (has_corners(column)) write_corners(json, column);
    if (has_key_points(column)) write_key_points(json, column);
  }
  json.key("columns").begin_object();
  for (const auto& column : found.data) {
    if (column.shape.empty()) write_column(json, column);
  }
  json.end_object();
}

void ResultsJson::write_known(JsonWriter& json) const {
  json.key("results");
  if (kind_.empty()) {
    json.null();
  } else {
    json.value(kind_);
  }
  write_names(json, names_);
  json.key("lines").json(lines_.empty() ? "[]" : lines_).key("zones").json(zones_.empty() ? "[]" : zones_);
}

}  // namespace freshframe::serve
