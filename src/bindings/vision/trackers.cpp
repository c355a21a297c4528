// The detector of circles and the trackers of circles and boxes, as nodes and called alone.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "freshframe/error.hpp"
#include "freshframe/forks.hpp"
#include "freshframe/ground.hpp"
#include "freshframe/vision.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings/border/python_free_types.hpp"
#include "bindings/border/region.hpp"
#include "bindings/engine/node_handle.hpp"
#include "bindings/frame/arrays.hpp"
#include "bindings/parts.hpp"
#include "bindings/results/value.hpp"
#include "bindings/vision/tracks.hpp"

#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

template <>
inline constexpr bool freshframe::gil::python_free<freshframe::BoxTracker> = true;

namespace freshframe::python {

namespace {

// Circle finders between two calls of detect_circles: allocating their memory again costs a tenth of a picture's
// time.
// Lends finders and takes them back. The oldest is dropped when there are too many.

constexpr std::size_t kMostIdle = 2;
constexpr std::int64_t kMostPixels = std::int64_t{1}
                                     << 21;  // 1080p; the memory of larger pictures isn't kept

/// Any thread may take and put. A thread that finds it locked gets nothing.
class IdleFinders {
 public:
  /// Lives until the process ends: threads may still use it while the process exits.
  [[nodiscard]] static IdleFinders& instance() { return forks::ProcessWide<IdleFinders>::get(); }

  /// The circles of one picture.
  [[nodiscard]] std::vector<Circle> find(const Plane& luma, const CircleDetectorOptions& options) {
    auto finder = take(options);
    if (!finder) finder.emplace(options);
    auto circles = finder->find(luma);
    if (std::int64_t{luma.rows} * luma.row_bytes <= kMostPixels) put(options, std::move(*finder));
    return circles;
  }

 private:
  struct Idle {
    CircleDetectorOptions options;
    CircleFinder finder;
  };
  [[nodiscard]] std::optional<CircleFinder> take(const CircleDetectorOptions& options) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return std::nullopt;
    for (auto idle = idle_.rbegin(); idle != idle_.rend(); ++idle) {
      if (idle->options != options) continue;
      std::optional<CircleFinder> finder(std::move(idle->finder));
      idle_.erase(std::next(idle).base());
      return finder;
    }
    return std::nullopt;
  }
  void put(const CircleDetectorOptions& options, CircleFinder finder) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return;
    if (idle_.size() == kMostIdle) idle_.erase(idle_.begin());
    idle_.push_back({options, std::move(finder)});
  }

  std::mutex mutex_;
  forks::Hold<std::mutex> hold_{mutex_};
  std::vector<Idle> idle_;  // the most recently used last
};

}  // namespace

}  // namespace freshframe::python

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
          .roi = region_of(roi)};
}

std::unique_ptr<NodeHandle> make_circle_detector(std::pair<float, float> radius, int max_circles,
                                                 float min_confidence, bool concentric,
                                                 const std::optional<Corners>& roi) {
  return handle_of(std::make_unique<CircleDetector>(
      detector_options(radius, max_circles, min_confidence, concentric, roi)));
}

std::unique_ptr<NodeHandle> make_circle_tracker(std::pair<float, float> radius, int max_circles,
                                                double max_gap, double full_every,
                                                const std::optional<Corners>& roi) {
  CircleTrackerOptions options;
  options.detector = detector_options(radius, max_circles, options.detector.min_confidence, false, roi);
  options.max_gap = max_gap;
  options.full_every = full_every;
  return handle_of(std::make_unique<CircleTracker>(options));
}

nb::object detect_circles(gil::Held& held, nb::object image, std::pair<float, float> radius, int max_circles,
                          float min_confidence, bool concentric) {
  const auto frame = gray_from_array(held, std::move(image), "detect_circles");
  const auto options = detector_options(radius, max_circles, min_confidence, concentric);
  auto found = gil::release(
      held,
      [](const Frame& picture, const CircleDetectorOptions& chosen) {
        return IdleFinders::instance().find(picture.luma(), chosen);
      },
      frame, options);
  Circles circles;
  circles.circles = std::move(found);
  return to_python(held, ValueRef::make<Circles>(std::move(circles)));
}

nb::object update_circle_tracker(gil::Held& held, NodeHandle& self, nb::object image, double time) {
  auto& tracker = lone_node<CircleTracker>(self, "a CircleTracker", "update()");
  const auto frame = gray_from_array(held, std::move(image), "CircleTracker.update()");
  auto circles = gil::release(
      held, [](CircleTracker* of, const Frame& picture, double at) { return of->update(picture, at); },
      &tracker, frame, time);
  return to_python(held, ValueRef::make<Circles>(std::move(circles)));
}

}  // namespace

void bind_circle_nodes(nb::module_& module) {
  module.def("make_circle_detector", &make_circle_detector, nb::arg("radius"), nb::arg("max_circles"),
             nb::arg("min_confidence"), nb::arg("concentric"), nb::arg("roi").none());
  module.def("detect_circles", gil::entry<&detect_circles>, nb::arg("image").none(), nb::arg("radius"),
             nb::arg("max_circles"), nb::arg("min_confidence"), nb::arg("concentric"),
             nb::sig("def detect_circles(image: typing.Any, radius: tuple[float, float], max_circles: int, "
                     "min_confidence: float, concentric: bool) -> freshframe.results.Circles"),
             "GIL: released");
  module.def("make_circle_tracker", &make_circle_tracker, nb::arg("radius"), nb::arg("max_circles"),
             nb::arg("max_gap"), nb::arg("full_every"), nb::arg("roi").none());
  module.def("update_circle_tracker", gil::entry<&update_circle_tracker>, nb::arg("tracker"),
             nb::arg("image").none(), nb::arg("time"),
             nb::sig("def update_circle_tracker(tracker: NodeHandle, image: typing.Any, time: float) -> "
                     "freshframe.results.Circles"),
             "GIL: released");
}

namespace {

using Pair = std::pair<double, double>;
using SharedGround = std::shared_ptr<const Ground>;

/// A Ground for Python.
struct GroundHandle {
  SharedGround ground;
};

GroundHandle make_ground(const std::vector<Pair>& picture, const std::vector<Pair>& metres,
                         double click_error, double acceleration) {
  GroundOptions options{.click_error = click_error, .acceleration = acceleration};
  for (const auto& [u, v] : picture)
    options.picture.push_back({static_cast<float>(u), static_cast<float>(v)});
  for (const auto& [x, y] : metres) options.metres.push_back({x, y});
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

std::unique_ptr<NodeHandle> make_box_tracker(double max_gap, float min_confidence, float iou,
                                             const GroundHandle* ground) {
  BoxTrackerOptions options{.max_gap = max_gap, .min_confidence = min_confidence, .iou = iou};
  if (ground != nullptr) options.ground = ground->ground;
  return handle_of(std::make_unique<BoxTracker>(options));
}

nb::object update_box_tracker(gil::Held& held, NodeHandle& self, nb::handle given, double time,
                              std::pair<int, int> size) {
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
    return to_python(held,
                     ValueRef::make<Detections>(tracker.update(*found, time, 0, {size.first, size.second})));
  const auto tracked = gil::release(
      held,
      [](BoxTracker* of, const Detections& boxes, double at, PictureSize picture) {
        return ValueRef::make<Detections>(of->update(boxes, at, 0, picture));
      },
      &tracker, *found, time, PictureSize{size.first, size.second});
  return to_python(held, tracked);
}

}  // namespace

void bind_box_tracker(nb::module_& module) {
  nb::class_<GroundHandle>(module, "GroundHandle", "A plane, for ff.Ground.")
      .def("places", &ground_places, nb::arg("pixels"), "The places of pixels, (n, 2) float64, in metres.")
      .def_prop_ro("residual", [](const GroundHandle& self) { return self.ground->residual(); });
  module.def("make_ground", &make_ground, nb::arg("picture"), nb::arg("metres"), nb::arg("click_error"),
             nb::arg("acceleration"));
  module.def("make_box_tracker", &make_box_tracker, nb::arg("max_gap"), nb::arg("min_confidence"),
             nb::arg("iou"), nb::arg("ground").none());
  module.def("update_box_tracker", gil::entry<&update_box_tracker>, nb::arg("tracker"),
             nb::arg("detections").none(), nb::arg("time"), nb::arg("size"),
             nb::sig("def update_box_tracker(tracker: NodeHandle, detections: typing.Any, time: float, size: "
                     "tuple[int, int]) -> freshframe.results.Detections"),
             "GIL: released for a hundred boxes or more, held otherwise");
}

}  // namespace freshframe::python

// Predicted boxes, as a node.

namespace nb = nanobind;

namespace freshframe::python {

namespace {

std::unique_ptr<NodeHandle> make_box_predictor(double max_age) {
  return handle_of(std::make_unique<BoxPredictor>(BoxPredictorOptions{.max_age = max_age}));
}

}  // namespace

void bind_box_predictor(nb::module_& module) {
  module.def("make_box_predictor", &make_box_predictor, nb::arg("max_age"));
}

ValueRef tracks_from(gil::Held& held, nb::handle object) {
  static const std::array<const TypeInfo*, 1> wanted = {type_of<Detections>()};
  auto output = from_python(held, object, wanted);
  const bool known = output.value.as<Detections>() != nullptr || output.value.as<Circles>() != nullptr;
  return known ? std::move(output.value) : ValueRef();
}

}  // namespace freshframe::python
