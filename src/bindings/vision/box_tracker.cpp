// The tracker of boxes, as a node and called alone.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <cstddef>
#include <memory>
#include <string>

#include "bindings/engine/node_handle.hpp"
#include "bindings/parts.hpp"
#include "bindings/results/value.hpp"
#include "bindings/vision/tracks.hpp"

#include <nanobind/stl/unique_ptr.h>

template <>
inline constexpr bool freshframe::gil::python_free<freshframe::BoxTracker> = true;

namespace nb = nanobind;

namespace freshframe::python {
namespace {

std::unique_ptr<NodeHandle> make_box_tracker(double max_gap, float min_confidence, float iou) {
  return handle_of(std::make_unique<BoxTracker>(
      BoxTrackerOptions{.max_gap = max_gap, .min_confidence = min_confidence, .iou = iou}));
}

nb::object update_box_tracker(gil::Held& held, NodeHandle& self, nb::handle given, double time) {
  // With fewer boxes the work costs less than acquiring the GIL again beside a busy thread: so many
  // overlapping boxes take half a millisecond.
  constexpr std::size_t kManyBoxes = 100;
  auto& tracker = lone_node<BoxTracker>(self, "a BoxTracker", "update()");
  const auto value = tracks_from(held, given);
  const auto* const found = value.as<Detections>();
  if (found == nullptr) {
    throw OptionTypeError(
        std::string("BoxTracker takes Detections (freshframe's or supervision's), but update() got a ") +
        Py_TYPE(given.ptr())->tp_name + kMakeThem);
  }
  if (found->boxes.size() < kManyBoxes)
    return to_python(held, ValueRef::make<Detections>(tracker.update(*found, time)));
  const auto tracked = gil::release(
      held,
      [](BoxTracker* of, const Detections& boxes, double at) {
        return ValueRef::make<Detections>(of->update(boxes, at));
      },
      &tracker, *found, time);
  return to_python(held, tracked);
}

}  // namespace

void bind_box_tracker(nb::module_& module) {
  module.def("make_box_tracker", &make_box_tracker, nb::arg("max_gap"), nb::arg("min_confidence"),
             nb::arg("iou"));
  module.def("update_box_tracker", gil::entry<&update_box_tracker>, nb::arg("tracker"),
             nb::arg("detections").none(), nb::arg("time"),
             nb::sig("def update_box_tracker(tracker: NodeHandle, detections: typing.Any, time: float) -> "
                     "freshframe.results.Detections"),
             "GIL: released for a hundred boxes or more, held otherwise");
}

}  // namespace freshframe::python
