// Box trackers with their ground plane, and predicted boxes, as nodes and as functions; tracks from Python
// objects.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "freshframe/error.hpp"
#include "freshframe/ground.hpp"
#include "freshframe/vision.hpp"

#include <array>
#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings/border/python_free_types.hpp"
#include "bindings/border/text.hpp"
#include "bindings/engine/node_handle.hpp"
#include "bindings/parts.hpp"
#include "bindings/results/value.hpp"
#include "bindings/vision/tracks.hpp"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

template <>
inline constexpr bool freshframe::gil::python_free<freshframe::BoxTracker> = true;

namespace nb = nanobind;

namespace freshframe::python {
namespace {

using Pair = std::pair<double, double>;
using SharedGround = std::shared_ptr<const Ground>;

/// A Ground for Python.
struct GroundHandle {
  SharedGround ground;
};

GroundHandle make_ground(const std::vector<Pair>& points, const std::vector<Pair>& places, double click_error,
                         double acceleration) {
  GroundOptions options{.click_error = click_error, .acceleration = acceleration};
  for (const auto& [u, v] : points) options.points.push_back({static_cast<float>(u), static_cast<float>(v)});
  for (const auto& [x, y] : places) options.places.push_back({x, y});
  return {std::make_shared<const Ground>(options)};
}

std::vector<Pair> ground_places(const GroundHandle& self, const std::vector<Pair>& pixels) {
  constexpr double kNowhere = std::numeric_limits<double>::quiet_NaN();
  std::vector<Pair> places;
  for (const auto& [u, v] : pixels) {
    const auto spot = self.ground->at(u, v);
    places.emplace_back(spot ? spot->place.x : kNowhere, spot ? spot->place.y : kNowhere);
  }
  return places;
}

std::unique_ptr<NodeHandle> make_box_tracker(double max_gap, float min_confidence, float min_iou,
                                             const GroundHandle* ground) {
  BoxTrackerOptions options{.max_gap = max_gap, .min_confidence = min_confidence, .min_iou = min_iou};
  if (ground != nullptr) options.ground = ground->ground;
  return make_handle(std::make_unique<BoxTracker>(options));
}

nb::object update_box_tracker(gil::Held& held, NodeHandle& self, nb::handle given, double pts,
                              std::pair<int, int> size) {
  // With fewer boxes, tracking takes less time than getting the GIL back from a busy thread: half a
  // millisecond for this many overlapping boxes.
  constexpr std::size_t kManyBoxes = 100;
  const LoneCall<BoxTracker> call(self, "a BoxTracker", "update()");
  auto& tracker = call.node();
  const auto value = tracks_from(held, given);
  const auto* const found = value.as<Detections>();
  if (found == nullptr) {
    throw OptionTypeError(
        std::string("BoxTracker takes Detections (freshframe's or supervision's), but update() got ") +
        with_article(get_type_name(given)) + kMakeThem);
  }
  if (found->boxes.size() < kManyBoxes)
    return to_python(held,
                     ValueRef::make<Detections>(tracker.update(*found, pts, 0, {size.first, size.second})));
  const auto tracked = gil::release(
      held,
      [](BoxTracker* own, const Detections& boxes, double at, PictureSize picture) {
        return ValueRef::make<Detections>(own->update(boxes, at, 0, picture));
      },
      &tracker, *found, pts, PictureSize{size.first, size.second});
  return to_python(held, tracked);
}

std::unique_ptr<NodeHandle> make_box_predictor(double max_age) {
  return make_handle(std::make_unique<BoxPredictor>(BoxPredictorOptions{.max_age = max_age}));
}

// Does nothing for nodes that are not trackers of the same kind.
void continue_track_ids(const NodeHandle& next, const NodeHandle& before) {
  if (auto* const boxes = dynamic_cast<BoxTracker*>(&next.get())) {
    if (const auto* const other = dynamic_cast<const BoxTracker*>(&before.get())) boxes->continue_ids(*other);
  }
  if (auto* const circles = dynamic_cast<CircleTracker*>(&next.get())) {
    if (const auto* const other = dynamic_cast<const CircleTracker*>(&before.get()))
      circles->continue_ids(*other);
  }
}

}  // namespace

void bind_box_tracker(nb::module_& module) {
  nb::class_<GroundHandle>(module, "GroundHandle", "The native part of ff.Ground.")
      .def("places", &ground_places, nb::arg("pixels"),
           "Returns the ground points of pixels in metres, (n, 2) float64.")
      .def_prop_ro("residual", [](const GroundHandle& self) { return self.ground->residual(); });
  module.def("make_ground", &make_ground, nb::arg("points"), nb::arg("places"), nb::arg("click_error"),
             nb::arg("acceleration"));
  module.def("continue_track_ids", &continue_track_ids, nb::arg("tracker"), nb::arg("before"),
             "Makes `tracker` continue the ids of `before`. Call it before replace().");
  module.def("make_box_tracker", &make_box_tracker, nb::arg("max_gap"), nb::arg("min_confidence"),
             nb::arg("min_iou"), nb::arg("ground").none());
  module.def("update_box_tracker", gil::entry<&update_box_tracker>, nb::arg("tracker"),
             nb::arg("boxes").none(), nb::arg("pts"), nb::arg("size"),
             nb::sig("def update_box_tracker(tracker: NodeHandle, boxes: typing.Any, pts: float, size: "
                     "tuple[int, int]) -> freshframe.Detections"),
             "GIL: released for a hundred boxes or more, held otherwise");
}

void bind_box_predictor(nb::module_& module) {
  module.def("make_box_predictor", &make_box_predictor, nb::arg("max_age"));
}

ValueRef tracks_from(gil::Held& held, nb::handle object) {
  static const std::array<const TypeInfo*, 1> wanted = {get_type<Detections>()};
  auto output = from_python(held, object, wanted);
  const bool known = output.value.as<Detections>() != nullptr || output.value.as<Circles>() != nullptr;
  return known ? std::move(output.value) : ValueRef();
}

}  // namespace freshframe::python
