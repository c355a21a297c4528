// Converts counts between C++ and Python, field by field.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/results/counts.hpp"

#include "freshframe/error.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bindings/border/text.hpp"
#include "bindings/results/circles.hpp"
#include "bindings/results/detections.hpp"

#include <nanobind/stl/map.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

constexpr const char* kCrossing = "freshframe._vision.crossing";
constexpr const char* kLineCounts = "freshframe._vision.line_counts";
constexpr const char* kZoneCounts = "freshframe._vision.zone_counts";
constexpr const char* kZones = "freshframe._vision.zones";

using Xy = std::pair<float, float>;
using Tracks = std::variant<Circles, Detections>;

nb::object python_class(const char* module, const char* name) {
  return nb::module_::import_(module).attr(name);
}

nb::object point_to_python(const Point& point) {
  return nb::make_tuple(point.x, point.y);
}

Point read_point(nb::handle object) {
  const auto [x, y] = nb::cast<Xy>(object);
  return {x, y};
}

nb::object class_name_to_python(const Tracks& tracks, int class_id) {
  const auto* const boxes = std::get_if<Detections>(&tracks);
  if (boxes == nullptr || !boxes->names) return nb::none();
  return python_text(class_name(boxes->names, class_id));
}

nb::tuple crossings_to_python(const std::vector<Crossing>& crossings, const Tracks& tracks) {
  nb::list list;
  if (crossings.empty()) return nb::tuple(list);
  const auto type = python_class(kCrossing, "Crossing");
  for (const auto& each : crossings) {
    list.append(type(each.id, each.class_id, each.forward, point_to_python(each.point), each.pts,
                     class_name_to_python(tracks, each.class_id)));
  }
  return nb::tuple(list);
}

std::vector<Crossing> read_crossings(nb::handle object) {
  std::vector<Crossing> crossings;
  for (const nb::handle each : nb::iter(object)) {
    crossings.push_back({.id = nb::cast<std::int64_t>(each.attr("tracker_id")),
                         .class_id = nb::cast<int>(each.attr("class_id")),
                         .forward = nb::cast<bool>(each.attr("forward")),
                         .point = read_point(each.attr("point")),
                         .pts = nb::cast<double>(each.attr("pts"))});
  }
  return crossings;
}

nb::tuple visits_to_python(const std::vector<Visit>& visits) {
  nb::list list;
  if (visits.empty()) return nb::tuple(list);
  const auto type = python_class(kZoneCounts, "Visit");
  for (const auto& each : visits) {
    list.append(type(each.id, each.class_id, each.first_pts, each.last_pts,
                     each.reason == Visit::End::Left ? "left" : "lost"));
  }
  return nb::tuple(list);
}

std::vector<Visit> read_visits(nb::handle object) {
  std::vector<Visit> visits;
  for (const nb::handle each : nb::iter(object)) {
    visits.push_back({.id = nb::cast<std::int64_t>(each.attr("tracker_id")),
                      .class_id = nb::cast<int>(each.attr("class_id")),
                      .first_pts = nb::cast<double>(each.attr("first_pts")),
                      .last_pts = nb::cast<double>(each.attr("last_pts")),
                      .reason = nb::cast<std::string>(each.attr("reason")) == "left" ? Visit::End::Left
                                                                                     : Visit::End::Lost});
  }
  return visits;
}

template <class T>
nb::tuple numbers_to_python(const std::vector<T>& numbers) {
  nb::list list;
  for (const auto number : numbers) list.append(number);
  return nb::tuple(list);
}

nb::object tracks_to_python(gil::Held& held, const Tracks& tracks) {
  if (const auto* const circles = std::get_if<Circles>(&tracks)) {
    const auto value = ValueRef::make<Circles>(*circles);
    return circles_to_python(held, value, *value.as<Circles>());
  }
  const auto value = ValueRef::make<Detections>(std::get<Detections>(tracks));
  return detections_to_python(held, value, *value.as<Detections>());
}

Tracks read_tracks(gil::Held& held, nb::handle object, ReadValue read_value) {
  static const TypeInfo* const wanted[] = {get_type<Detections>()};
  const Emitted output = read_value(held, object, std::span<const TypeInfo* const>(wanted));
  if (const auto* circles = output.value.as<Circles>()) return *circles;
  if (const auto* boxes = output.value.as<Detections>()) return *boxes;
  throw OptionTypeError(std::string("the tracks of counts must be Circles or Detections, got ") +
                        nb::type_name(object.type()).c_str());
}

std::vector<std::int64_t> sort_ids(const Tracks& tracks) {
  auto ids = std::visit([](const auto& each) { return each.ids; }, tracks);
  std::ranges::sort(ids);
  return ids;
}

/// `ids`: the sorted ids of the tracks.
nb::object zone_to_python(const ZoneCounts& counts, const Tracks& tracks,
                          const std::vector<std::int64_t>& ids) {
  nb::list corners;
  for (const auto& corner : counts.corners) corners.append(point_to_python(corner));
  nb::dict dwell;
  for (const auto& [id, seconds] : counts.dwell) dwell[nb::int_(id)] = seconds;
  auto visible = counts.inside;
  std::erase_if(visible, [&](std::int64_t id) { return !std::ranges::binary_search(ids, id); });
  return python_class(kZoneCounts, "ZoneCounts")(
      nb::tuple(corners), numbers_to_python(counts.inside), dwell, counts.entered, counts.left,
      counts.appeared, counts.lost, numbers_to_python(counts.loitering), numbers_to_python(counts.loitered),
      crossings_to_python(counts.crossings, tracks), visits_to_python(counts.visits),
      numbers_to_python(visible));
}

ZoneCounts read_zone(nb::handle object) {
  ZoneCounts counts;
  for (const auto& [x, y] : nb::cast<std::vector<Xy>>(object.attr("corners")))
    counts.corners.push_back({x, y});
  counts.entered = nb::cast<std::int64_t>(object.attr("entered"));
  counts.left = nb::cast<std::int64_t>(object.attr("left"));
  counts.appeared = nb::cast<std::int64_t>(object.attr("appeared"));
  counts.lost = nb::cast<std::int64_t>(object.attr("lost"));
  counts.inside = nb::cast<std::vector<std::int64_t>>(object.attr("inside"));
  counts.dwell = nb::cast<std::map<std::int64_t, double>>(object.attr("dwell"));
  counts.loitering = nb::cast<std::vector<std::int64_t>>(object.attr("loitering"));
  counts.visits = read_visits(object.attr("visits"));
  counts.loitered = nb::cast<std::vector<std::int64_t>>(object.attr("loitered"));
  counts.crossings = read_crossings(object.attr("crossings"));
  return counts;
}

}  // namespace

nb::object counts_to_python(gil::Held& held, const LineCounts& counts) {
  nb::dict by_class;
  if (const auto* boxes = std::get_if<Detections>(&counts.tracks)) {
    std::map<std::string, DirectionCounts> named;  // sums of the classes with the same name
    for (const auto& [class_id, numbers] : counts.by_class) {
      auto& sum = named[class_name(boxes->names, class_id)];
      sum.forward += numbers.forward;
      sum.backward += numbers.backward;
    }
    for (const auto& [name, numbers] : named)
      by_class[python_text(name)] = nb::make_tuple(numbers.forward, numbers.backward);
  }
  return python_class(kLineCounts, "LineCounts")(
      point_to_python(counts.start), point_to_python(counts.end), counts.forward, counts.backward, by_class,
      crossings_to_python(counts.crossings, counts.tracks), tracks_to_python(held, counts.tracks));
}

nb::object counts_to_python(gil::Held& held, const Zones& counts) {
  nb::dict zones;
  const auto ids = sort_ids(counts.tracks);
  for (const auto& [name, zone] : counts.zones)
    zones[python_text(name)] = zone_to_python(zone, counts.tracks, ids);
  return python_class(kZones, "Zones")(zones, tracks_to_python(held, counts.tracks));
}

ValueRef counts_from_python(gil::Held& held, nb::handle object, ReadValue read_value) {
  if (nb::isinstance(object, python_class(kLineCounts, "LineCounts"))) {
    LineCounts counts;
    counts.start = read_point(object.attr("start"));
    counts.end = read_point(object.attr("end"));
    counts.forward = nb::cast<std::int64_t>(object.attr("forward"));
    counts.backward = nb::cast<std::int64_t>(object.attr("backward"));
    counts.crossings = read_crossings(object.attr("crossings"));
    counts.tracks = read_tracks(held, object.attr("tracks"), read_value);
    return ValueRef::make<LineCounts>(std::move(counts));
  }
  if (nb::isinstance(object, python_class(kZones, "Zones"))) {
    Zones counts;
    for (const nb::handle item : object.attr("items")())
      counts.zones.emplace_back(nb::cast<std::string>(item[0]), read_zone(item[1]));
    counts.tracks = read_tracks(held, object.attr("tracks"), read_value);
    return ValueRef::make<Zones>(std::move(counts));
  }
  return {};
}

}  // namespace freshframe::python
