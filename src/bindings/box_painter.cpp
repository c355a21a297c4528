// The painter of boxes for Python: columns in, a frame out.
// SPDX-License-Identifier: Apache-2.0
#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings/engine.hpp"
#include "bindings/python_free_types.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;

namespace freshframe::python {

// The painter with what keeps two threads apart while none of them holds the GIL.
class BoxPainter {
 public:
  explicit BoxPainter(float line_width) : painter_(line_width) {}

  [[nodiscard]] Frame draw(const Frame& frame, const std::vector<LabelledBox>& boxes) {
    const std::scoped_lock lock(mutex_);
    return painter_.draw(frame, boxes);
  }

 private:
  std::mutex mutex_;
  freshframe::BoxPainter painter_;  // guarded by mutex_
};

}  // namespace freshframe::python

namespace freshframe::gil {

template <>
inline constexpr bool python_free<python::BoxPainter> = true;

}  // namespace freshframe::gil

namespace freshframe::python {
namespace {

using Corners = nb::ndarray<const float, nb::shape<-1, 4>, nb::device::cpu>;
using Confidences = nb::ndarray<const float, nb::shape<-1>, nb::device::cpu>;
using Ids = nb::ndarray<const std::int64_t, nb::shape<-1>, nb::device::cpu>;

Frame draw(gil::Held& held, BoxPainter& self, const Frame& frame, const Corners& xyxy,
           const Confidences& confidence, const std::optional<Ids>& ids, std::vector<std::string> labels) {
  const std::size_t count = xyxy.shape(0);
  if (confidence.shape(0) != count || labels.size() != count || (ids && ids->shape(0) != count)) {
    throw OptionError("as many confidences, ids and labels as boxes are needed");
  }
  std::vector<LabelledBox> boxes;
  boxes.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    boxes.push_back({.box = {.x1 = xyxy(i, 0),
                             .y1 = xyxy(i, 1),
                             .x2 = xyxy(i, 2),
                             .y2 = xyxy(i, 3),
                             .confidence = confidence(i)},
                     .id = ids ? std::optional((*ids)(i)) : std::nullopt,
                     .label = std::move(labels[i])});
  }
  return gil::release(
      held,
      [](BoxPainter& painter, const Frame& picture, const std::vector<LabelledBox>& found) {
        return painter.draw(picture.as_engine(), found).as_loan();
      },
      self, frame, boxes);
}

}  // namespace

void bind_box_painter(nb::module_& module) {
  nb::class_<BoxPainter>(module, "BoxPainter", "The core of freshframe.AnnotateBoxes.")
      .def(nb::init<float>(), nb::arg("line_width"))
      .def("draw", gil::entry<&draw>, nb::arg("frame"), nb::arg("xyxy"), nb::arg("confidence"),
           nb::arg("ids").none(), nb::arg("labels"),
           nb::sig("def draw(self, frame: Frame, xyxy: numpy.typing.NDArray[numpy.float32], confidence: "
                   "numpy.typing.NDArray[numpy.float32], ids: numpy.typing.NDArray[numpy.int64] | None, "
                   "labels: list[str]) -> Frame"),
           "A copy of the frame with boxes and labels. GIL: released");
}

}  // namespace freshframe::python
