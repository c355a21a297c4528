// The nodes on tracks for Python: the tracker of boxes, the counters, Annotate; each callable alone, too.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bindings/counts.hpp"
#include "bindings/detections.hpp"
#include "bindings/engine.hpp"
#include "bindings/python_free_types.hpp"
#include "bindings/value.hpp"
#include "core/frame/frame_access.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::gil {

template <>
inline constexpr bool python_free<BoxTracker> = true;
template <>
inline constexpr bool python_free<Annotate> = true;
// Python objects that came with them are released through the deferred queue.
template <>
inline constexpr bool python_free<Detections> = true;
template <>
inline constexpr bool python_free<ValueRef> = true;

}  // namespace freshframe::gil

namespace freshframe::python {
namespace {

using Place = std::pair<float, float>;

template <class N, class... A>
std::unique_ptr<NodeHandle> made(A&&... arguments) {
  auto result = std::make_unique<NodeHandle>();
  result->node = std::make_unique<N>(std::forward<A>(arguments)...);
  return result;
}

// The node of a handle that is in no pipeline. `verb` is for the message.
template <class N>
N& alone(NodeHandle& handle, const char* verb) {
  if (!handle.node) {
    const auto name = handle.get().default_name();
    throw StateError("this " + name + " is a node of a pipeline, which calls it: make another one for " +
                     verb);
  }
  auto* const node = dynamic_cast<N*>(handle.node.get());
  if (node == nullptr) throw OptionTypeError("not the node that it should be");
  return *node;
}

// Detections, including supervision's, or Circles; empty: another type.
ValueRef tracks_from(gil::Held& held, nb::handle object) {
  static const std::array<const TypeInfo*, 1> wanted = {type_of<Detections>()};
  auto output = from_python(held, object, wanted);
  const bool known = output.value.as<Detections>() != nullptr || output.value.as<Circles>() != nullptr;
  return known ? std::move(output.value) : ValueRef();
}

constexpr const char* kMakeThem = ": make them of your boxes, ff.Detections(xyxy, confidence, class_id)";

std::unique_ptr<NodeHandle> make_box_tracker(double max_gap, float min_confidence, float iou) {
  return made<BoxTracker>(
      BoxTrackerOptions{.max_gap = max_gap, .min_confidence = min_confidence, .iou = iou});
}

nb::object update_box_tracker(gil::Held& held, NodeHandle& self, nb::handle given, double time) {
  // With fewer boxes the work costs less than acquiring the GIL again beside a busy thread: so many overlapping
  // boxes take half a millisecond.
  constexpr std::size_t kManyBoxes = 100;
  auto& tracker = alone<BoxTracker>(self, "update()");
  const auto value = tracks_from(held, given);
  const auto* const found = value.as<Detections>();
  if (found == nullptr) {
    throw OptionTypeError(
        std::string("BoxTracker takes Detections (freshframe's or supervision's), but update() got a ") +
        Py_TYPE(given.ptr())->tp_name + kMakeThem);
  }
  if (found->boxes.size() < kManyBoxes)
    return to_python(held, ValueRef::make<Detections>(tracker.update(*found, time)));
  auto tracked = gil::release(
      held,
      [](BoxTracker* of, const Detections& boxes, double at) {
        return ValueRef::make<Detections>(of->update(boxes, at));
      },
      &tracker, *found, time);
  return to_python(held, tracked);
}

std::unique_ptr<NodeHandle> make_annotate(bool ids, bool names, std::optional<bool> confidences, double trail,
                                          float line_width) {
  return made<Annotate>(AnnotateOptions{
      .ids = ids, .names = names, .confidences = confidences, .trail = trail, .line_width = line_width});
}

Frame annotate(gil::Held& held, NodeHandle& self, const Frame& frame, nb::handle given,
               std::optional<double> time) {
  auto& node = alone<Annotate>(self, "draw()");
  auto value = tracks_from(held, given);
  if (!value) value = counts_from_python(held, given);
  if (!value) {
    throw OptionTypeError(
        std::string(
            "Annotate takes Circles, Detections (freshframe's or supervision's) or counts, but draw() "
            "got a ") +
        Py_TYPE(given.ptr())->tp_name + kMakeThem);
  }
  return gil::release(
      held,
      [](Annotate* of, const Frame& picture, const ValueRef& found, const std::optional<double>& at) {
        return of->draw(core::FrameAccess::engine(picture), found, at).keep();
      },
      &node, frame, value, time);
}

// ---- counters

Anchor anchor_of(const std::string& name) {
  if (name == "center") return Anchor::Center;
  if (name == "bottom") return Anchor::Bottom;
  throw OptionError("anchor must be 'center' or 'bottom', got '" + name + "'");
}

std::unique_ptr<NodeHandle> make_line_counter(Place start, Place end, const std::string& anchor,
                                              std::optional<float> margin) {
  return made<LineCounter>(LineCounterOptions{.start = {start.first, start.second},
                                              .end = {end.first, end.second},
                                              .anchor = anchor_of(anchor),
                                              .margin = margin});
}

std::unique_ptr<NodeHandle> make_zone_counter(const std::vector<Place>& corners, const std::string& anchor,
                                              std::optional<float> margin, double max_gap) {
  ZoneCounterOptions options{
      .corners = {}, .anchor = anchor_of(anchor), .margin = margin, .max_gap = max_gap};
  for (const auto& [x, y] : corners) options.corners.push_back({x, y});
  return made<ZoneCounter>(options);
}

template <class Counter>
nb::object update_counter(gil::Held& held, NodeHandle& self, nb::handle given, double time) {
  auto& counter = alone<Counter>(self, "update()");
  const auto value = tracks_from(held, given);
  if (!value) {
    throw OptionTypeError(
        counter.default_name() +
        " takes Circles or Detections (freshframe's or supervision's), but update() got a " +
        Py_TYPE(given.ptr())->tp_name);
  }
  if (const auto* circles = value.as<Circles>())
    return counts_to_python(held, counter.update(*circles, time));
  return counts_to_python(held, counter.update(*value.as<Detections>(), time));
}

}  // namespace

void bind_track_nodes(nb::module_& module) {
  module.def("make_box_tracker", &make_box_tracker, nb::arg("max_gap"), nb::arg("min_confidence"),
             nb::arg("iou"));
  module.def("update_box_tracker", gil::entry<&update_box_tracker>, nb::arg("tracker"),
             nb::arg("detections").none(), nb::arg("time"),
             nb::sig("def update_box_tracker(tracker: NodeHandle, detections: typing.Any, time: float) -> "
                     "freshframe.results.Detections"),
             "GIL: released for a hundred boxes or more, held otherwise");
  module.def("make_annotate", &make_annotate, nb::arg("ids"), nb::arg("names"), nb::arg("confidences").none(),
             nb::arg("trail"), nb::arg("line_width"));
  module.def("annotate", gil::entry<&annotate>, nb::arg("node"), nb::arg("frame"), nb::arg("found").none(),
             nb::arg("time").none(),
             nb::sig("def annotate(node: NodeHandle, frame: Frame, found: typing.Any, time: float | None) -> "
                     "Frame"),
             "A copy of the frame with the results drawn on it. GIL: released");
  module.def("make_line_counter", &make_line_counter, nb::arg("start"), nb::arg("end"), nb::arg("anchor"),
             nb::arg("margin").none());
  module.def("make_zone_counter", &make_zone_counter, nb::arg("corners"), nb::arg("anchor"),
             nb::arg("margin").none(), nb::arg("max_gap"));
  module.def("update_line_counter", gil::entry<&update_counter<LineCounter>>, nb::arg("counter"),
             nb::arg("tracks").none(), nb::arg("time"),
             nb::sig("def update_line_counter(counter: NodeHandle, tracks: typing.Any, time: float) -> "
                     "typing.Any"));
  module.def("update_zone_counter", gil::entry<&update_counter<ZoneCounter>>, nb::arg("counter"),
             nb::arg("tracks").none(), nb::arg("time"),
             nb::sig("def update_zone_counter(counter: NodeHandle, tracks: typing.Any, time: float) -> "
                     "typing.Any"));
}

}  // namespace freshframe::python
