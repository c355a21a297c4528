// The detector and the tracker of circles, as nodes and for calls outside of a pipeline.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "freshframe/vision.hpp"

#include <memory>
#include <optional>
#include <utility>

#include "bindings/border/python_free_types.hpp"
#include "bindings/border/region.hpp"
#include "bindings/engine/node_handle.hpp"
#include "bindings/frame/arrays.hpp"
#include "bindings/parts.hpp"
#include "bindings/results/value.hpp"

#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/unique_ptr.h>

template <>
inline constexpr bool freshframe::gil::python_free<freshframe::CircleDetector> = true;
template <>
inline constexpr bool freshframe::gil::python_free<freshframe::CircleTracker> = true;

namespace nb = nanobind;

namespace freshframe::python {
namespace {

CircleDetectorOptions detector_options(std::pair<float, float> radius, int max_circles, float min_confidence,
                                       bool concentric = false, const std::optional<Corners>& roi = {}) {
  return {.min_radius = radius.first,
          .max_radius = radius.second,
          .max_circles = max_circles,
          .min_confidence = min_confidence,
          .concentric = concentric,
          .roi = to_region(roi)};
}

std::unique_ptr<NodeHandle> make_circle_detector(std::pair<float, float> radius, int max_circles,
                                                 float min_confidence, bool concentric,
                                                 const std::optional<Corners>& roi) {
  return make_handle(std::make_unique<CircleDetector>(
      detector_options(radius, max_circles, min_confidence, concentric, roi)));
}

std::unique_ptr<NodeHandle> make_circle_tracker(std::pair<float, float> radius, int max_circles,
                                                double max_gap, double full_every,
                                                const std::optional<Corners>& roi) {
  CircleTrackerOptions options;
  options.detector = detector_options(radius, max_circles, options.detector.min_confidence, false, roi);
  options.max_gap = max_gap;
  options.full_every = full_every;
  return make_handle(std::make_unique<CircleTracker>(options));
}

nb::object detect_circles(gil::Held& held, NodeHandle& self, nb::object given) {
  const LoneCall<CircleDetector> call(self, "a CircleDetector", "detect()");
  const auto frame = to_frame(held, std::move(given), "CircleDetector.detect()");
  auto circles = gil::release(
      held, [](CircleDetector* detector, const Frame& picture) { return detector->detect(picture); },
      &call.node(), frame);
  return to_python(held, ValueRef::make<Circles>(std::move(circles)));
}

nb::object update_circle_tracker(gil::Held& held, NodeHandle& self, nb::object given, double pts) {
  const LoneCall<CircleTracker> call(self, "a CircleTracker", "update()");
  const auto frame = to_frame(held, std::move(given), "CircleTracker.update()");
  auto circles = gil::release(
      held,
      [](CircleTracker* tracker, const Frame& picture, double at) { return tracker->update(picture, at); },
      &call.node(), frame, pts);
  return to_python(held, ValueRef::make<Circles>(std::move(circles)));
}

}  // namespace

void bind_circle_tracker(nb::module_& module) {
  module.def("make_circle_detector", &make_circle_detector, nb::arg("radius"), nb::arg("max_circles"),
             nb::arg("min_confidence"), nb::arg("concentric"), nb::arg("roi").none());
  module.def("detect_circles", gil::entry<&detect_circles>, nb::arg("detector"), nb::arg("frame").none(),
             nb::sig("def detect_circles(detector: NodeHandle, frame: typing.Any) -> freshframe.Circles"),
             "GIL: released");
  module.def("make_circle_tracker", &make_circle_tracker, nb::arg("radius"), nb::arg("max_circles"),
             nb::arg("max_gap"), nb::arg("full_every"), nb::arg("roi").none());
  module.def("update_circle_tracker", gil::entry<&update_circle_tracker>, nb::arg("tracker"),
             nb::arg("frame").none(), nb::arg("pts"),
             nb::sig("def update_circle_tracker(tracker: NodeHandle, frame: typing.Any, pts: float) -> "
                     "freshframe.Circles"),
             "GIL: released");
}

}  // namespace freshframe::python
