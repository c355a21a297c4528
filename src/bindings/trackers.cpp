// The tracker of boxes for Python: columns in, columns out.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "bindings/engine.hpp"

#include <nanobind/ndarray.h>

namespace nb = nanobind;

namespace freshframe::python {

// The associator with what keeps two threads apart while none of them holds the GIL.
class BoxTracker {
 public:
  explicit BoxTracker(const BoxTrackerOptions& options) : associator_(options) {}

  [[nodiscard]] TrackedBoxes update(double pts, const std::vector<Detection>& found) {
    const std::scoped_lock lock(mutex_);
    return associator_.update(pts, found);
  }

 private:
  std::mutex mutex_;
  BoxAssociator associator_;  // guarded by mutex_
};

}  // namespace freshframe::python

namespace freshframe::gil {

template <>
inline constexpr bool python_free<python::BoxTracker> = true;

}  // namespace freshframe::gil

namespace freshframe::python {
namespace {

using Corners = nb::ndarray<const float, nb::shape<-1, 4>, nb::device::cpu>;
using Confidences = nb::ndarray<const float, nb::shape<-1>, nb::device::cpu>;
using Classes = nb::ndarray<const std::int32_t, nb::shape<-1>, nb::device::cpu>;

// An array of its own memory.
template <class T>
nb::object column(std::vector<T> values, std::size_t width = 1) {
  auto* kept = new std::vector<T>(std::move(values));
  const nb::capsule owner(kept, [](void* pointer) noexcept { delete static_cast<std::vector<T>*>(pointer); });
  if (width == 1) return nb::cast(nb::ndarray<nb::numpy, T>(kept->data(), {kept->size()}, owner));
  return nb::cast(nb::ndarray<nb::numpy, T>(kept->data(), {kept->size() / width, width}, owner));
}

// Fewer boxes cost less than to get the GIL back beside a busy thread: a heap of so many takes half a
// millisecond.
constexpr std::size_t kManyBoxes = 100;

TrackedBoxes tracked_boxes(gil::Held& held, BoxTracker& self, double pts,
                           const std::vector<Detection>& found) {
  if (found.size() < kManyBoxes) return self.update(pts, found);
  return gil::release(
      held,
      [](BoxTracker& tracker, double time, const std::vector<Detection>& boxes) {
        return tracker.update(time, boxes);
      },
      self, pts, found);
}

nb::tuple update(gil::Held& held, BoxTracker& self, double pts, const Corners& xyxy,
                 const Confidences& confidence, const Classes& class_id) {
  const std::size_t count = xyxy.shape(0);
  if (confidence.shape(0) != count || class_id.shape(0) != count) {
    throw OptionError("Detections must have one confidence and one class_id for each row of xyxy (" +
                      std::to_string(count) + "), got " + std::to_string(confidence.shape(0)) + " and " +
                      std::to_string(class_id.shape(0)));
  }
  std::vector<Detection> found;
  found.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    found.push_back({xyxy(i, 0), xyxy(i, 1), xyxy(i, 2), xyxy(i, 3), confidence(i), class_id(i)});
  }
  TrackedBoxes tracked = tracked_boxes(held, self, pts, found);
  std::vector<float> velocity;
  std::vector<float> age;
  std::vector<float> certainty;
  for (const TrackInfo& track : tracked.tracks) {
    velocity.push_back(track.velocity_x);
    velocity.push_back(track.velocity_y);
    age.push_back(track.age);
    certainty.push_back(track.track_confidence);
  }
  return nb::make_tuple(column(std::move(tracked.rows)), column(std::move(tracked.ids)),
                        column(std::move(velocity), 2), column(std::move(age)), column(std::move(certainty)));
}

}  // namespace

void bind_trackers(nb::module_& module) {
  nb::class_<BoxTracker>(module, "BoxTracker", "The core of freshframe.BoxTracker.")
      .def(
          "__init__",
          [](BoxTracker* self, double max_gap, float min_confidence, float iou) {
            new (self) BoxTracker({.max_gap = max_gap, .min_confidence = min_confidence, .iou = iou});
          },
          nb::arg("max_gap"), nb::arg("min_confidence"), nb::arg("iou"))
      .def("update", gil::entry<&update>, nb::arg("pts"), nb::arg("xyxy"), nb::arg("confidence"),
           nb::arg("class_id"),
           nb::sig("def update(self, pts: float, xyxy: numpy.typing.NDArray[numpy.float32], confidence: "
                   "numpy.typing.NDArray[numpy.float32], class_id: numpy.typing.NDArray[numpy.int32]) -> "
                   "tuple[numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64], "
                   "numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32], "
                   "numpy.typing.NDArray[numpy.float32]]"),
           "(rows, ids, velocity, age, track_confidence) of the boxes with a confirmed track. GIL: released "
           "for a "
           "hundred boxes "
           "or more, else held");
}

}  // namespace freshframe::python
