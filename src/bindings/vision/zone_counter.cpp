// The counters of lines and zones, as nodes and for calls outside of a pipeline.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings/border/text.hpp"
#include "bindings/engine/node_handle.hpp"
#include "bindings/parts.hpp"
#include "bindings/results/counts.hpp"
#include "bindings/vision/tracks.hpp"

#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

using Xy = std::pair<float, float>;

Anchor parse_anchor(const std::string& name) {
  if (name == "center") return Anchor::Center;
  if (name == "bottom") return Anchor::Bottom;
  throw OptionError("anchor must be 'center' or 'bottom', got '" + name + "'");
}

std::unique_ptr<NodeHandle> make_line_counter(Xy start, Xy end, const std::string& anchor,
                                              std::optional<float> margin, bool relative) {
  return make_handle(std::make_unique<LineCounter>(LineCounterOptions{.start = {start.first, start.second},
                                                                      .end = {end.first, end.second},
                                                                      .anchor = parse_anchor(anchor),
                                                                      .margin = margin,
                                                                      .relative = relative}));
}

// The common options of a node's zones.
struct ZoneRules {
  ZoneOptions options;
};

ZoneRules make_zone_rules(const std::string& anchor, std::optional<float> margin, double max_gap,
                          std::optional<double> loiter_after,
                          const std::map<std::string, double>& loiter_after_of, bool relative) {
  return {{.corners = {},
           .anchor = parse_anchor(anchor),
           .margin = margin,
           .max_gap = max_gap,
           .loiter_after_of = loiter_after_of,
           .loiter_after = loiter_after,
           .relative = relative}};
}

ZoneOptions zone_options(const std::vector<Xy>& corners, const ZoneRules& rules) {
  auto options = rules.options;
  for (const auto& [x, y] : corners) options.corners.push_back({x, y});
  return options;
}

std::vector<NamedZone> named_zones(const std::vector<std::pair<std::string, std::vector<Xy>>>& zones,
                                   const ZoneRules& rules) {
  std::vector<NamedZone> named;
  for (const auto& [name, corners] : zones) named.push_back({name, zone_options(corners, rules)});
  return named;
}

std::unique_ptr<NodeHandle> make_zone_counter(
    const std::vector<std::pair<std::string, std::vector<Xy>>>& zones, const ZoneRules& rules) {
  return make_handle(std::make_unique<ZoneCounter>(named_zones(zones, rules)));
}

void set_line(const NodeHandle& self, Xy start, Xy end) {
  node_as<LineCounter>(self, "a LineCounter").set_line({start.first, start.second}, {end.first, end.second});
}

void set_zones(const NodeHandle& self, const std::vector<std::pair<std::string, std::vector<Xy>>>& zones,
               const ZoneRules& rules) {
  node_as<ZoneCounter>(self, "a ZoneCounter").set_zones(named_zones(zones, rules));
}

template <class Counter>
nb::object update_counter(gil::Held& held, NodeHandle& self, nb::handle given, double pts,
                          std::pair<int, int> size) {
  const LoneCall<Counter> call(self, "a counter", "update()");
  auto& counter = call.node();
  const auto value = tracks_from(held, given);
  if (!value) {
    throw OptionTypeError(counter.default_name() +
                          " takes Circles or Detections (freshframe's or supervision's), but update() got " +
                          with_article(get_type_name(given)) + kMakeThem);
  }
  const PictureSize picture{size.first, size.second};
  if (const auto* circles = value.as<Circles>())
    return counts_to_python(held, counter.update(*circles, pts, 0, picture));
  return counts_to_python(held, counter.update(*value.as<Detections>(), pts, 0, picture));
}

}  // namespace

void bind_counters(nb::module_& module) {
  const nb::class_<ZoneRules> rules(module, "ZoneRules", "Options that all zones of a counter share.");
  module.def("make_zone_rules", &make_zone_rules, nb::arg("anchor"), nb::arg("margin").none(),
             nb::arg("max_gap"), nb::arg("loiter_after").none(), nb::arg("loiter_after_of"),
             nb::arg("relative"));
  module.def("make_line_counter", &make_line_counter, nb::arg("start"), nb::arg("end"), nb::arg("anchor"),
             nb::arg("margin").none(), nb::arg("relative"));
  module.def("make_zone_counter", &make_zone_counter, nb::arg("zones"), nb::arg("rules"));
  module.def("set_line", &set_line, nb::arg("counter"), nb::arg("start"), nb::arg("end"),
             "Moves the line, starting with the next sample.");
  module.def("set_zones", &set_zones, nb::arg("counter"), nb::arg("zones"), nb::arg("rules"),
             "Replaces the zones, starting with the next sample.");
  module.def("update_line_counter", gil::entry<&update_counter<LineCounter>>, nb::arg("counter"),
             nb::arg("tracks").none(), nb::arg("pts"), nb::arg("size"),
             nb::sig("def update_line_counter(counter: NodeHandle, tracks: typing.Any, pts: float, size: "
                     "tuple[int, int]) -> typing.Any"));
  module.def("update_zone_counter", gil::entry<&update_counter<ZoneCounter>>, nb::arg("counter"),
             nb::arg("tracks").none(), nb::arg("pts"), nb::arg("size"),
             nb::sig("def update_zone_counter(counter: NodeHandle, tracks: typing.Any, pts: float, size: "
                     "tuple[int, int]) -> typing.Any"));
}

}  // namespace freshframe::python
