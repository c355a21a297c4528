// The detector and the tracker of circles, as nodes and called alone.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/gil.hpp"

#include "freshframe/forks.hpp"
#include "freshframe/vision.hpp"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

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
inline constexpr bool freshframe::gil::python_free<freshframe::CircleTracker> = true;

namespace nb = nanobind;

namespace freshframe::python {
namespace {

constexpr std::size_t kMostIdle = 2;
constexpr std::int64_t kMostPixels = std::int64_t{1}
                                     << 21;  // 1080p; the memory of larger pictures isn't kept

/// Keeps circle finders between two calls of detect_circles(): allocating their memory again costs a tenth of a picture's
/// time. The oldest is dropped when there are too many. Any thread may take and put. A thread that finds it locked gets
/// nothing.
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
                     "min_confidence: float, concentric: bool) -> freshframe.Circles"),
             "GIL: released");
  module.def("make_circle_tracker", &make_circle_tracker, nb::arg("radius"), nb::arg("max_circles"),
             nb::arg("max_gap"), nb::arg("full_every"), nb::arg("roi").none());
  module.def("update_circle_tracker", gil::entry<&update_circle_tracker>, nb::arg("tracker"),
             nb::arg("image").none(), nb::arg("time"),
             nb::sig("def update_circle_tracker(tracker: NodeHandle, image: typing.Any, time: float) -> "
                     "freshframe.Circles"),
             "GIL: released");
}

}  // namespace freshframe::python
