// Converts columns of boxes between C++ and Python.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/results/detections.hpp"

#include "freshframe/error.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "bindings/border/classes.hpp"
#include "bindings/border/made_once.hpp"
#include "bindings/border/text.hpp"
#include "bindings/results/class_names.hpp"
#include "bindings/results/data_columns.hpp"
#include "bindings/results/result_memory.hpp"

#include <nanobind/ndarray.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

constexpr Py_ssize_t kBoxNumbers = sizeof(Detection) / sizeof(float);
constexpr Py_ssize_t kTrackNumbers = sizeof(TrackInfo) / sizeof(float);
static_assert(sizeof(int) == sizeof(std::int32_t) && sizeof(std::int32_t) == sizeof(float));
static_assert(offsetof(Detection, confidence) == 4 * sizeof(float));
static_assert(offsetof(Detection, class_id) == 5 * sizeof(float));

// The columns of the package's Detections in their order.
constexpr std::array<const char*, 9> kColumns = {"xyxy", "confidence", "class_id",  "tracker_id",
                                                 "data", "velocity",   "track_age", "track_confidence",
                                                 "names"};
using Columns = std::array<nb::object, kColumns.size()>;

PyTypeObject* detections_type() {
  auto* const type = reinterpret_cast<PyTypeObject*>(classes().detections);
  if (type == nullptr) throw Error("results no longer have a value: the interpreter is exiting");
  return type;
}

std::array<Py_ssize_t, kColumns.size()> detections_slot_offsets() {
  return slot_offsets(detections_type(), kColumns);
}

// Skips the class's checks, because native columns are always valid.
nb::object make_detections(Columns columns) {
  return make_slotted(detections_type(), made_once<&detections_slot_offsets>(), std::move(columns));
}

// Returns the additional columns of the remaining boxes: native ones, then those with Python objects.
nb::object make_data(gil::Held& held, const Detections& found, const ResultMemory& memory) {
  nb::dict data;
  for (const auto& column : found.data)
    data[python_text(column.name)] = column_to_python(memory, column, found.boxes.size());
  const auto* const python = dynamic_cast<const PythonColumns*>(found.further.get());
  if (python == nullptr || !python->has_data) return data;
  const nb::object given =
      python->data ? python->data->open(held) : nb::object(nb::borrow(python->boxes.get(held)).attr("data"));
  nb::object rows = nb::none();
  if (found.rows)
    rows = memory.array({.number = Column::Number::Int64}, found.rows->data(), found.rows->size());
  for (const nb::handle item : given.attr("items")()) {
    if (data.contains(item[0])) continue;
    data[item[0]] = found.rows ? nb::object(item[1][rows]) : nb::object(item[1]);
  }
  return data;
}

template <class T>
using Numbers = nb::ndarray<const T, nb::shape<-1>, nb::device::cpu>;
template <int kWidth>
using FloatRows = nb::ndarray<const float, nb::shape<-1, kWidth>, nb::device::cpu>;

// The class checks the columns when it is created, but programs may reshape an array in place.
template <class Array>
Array column(nb::handle boxes, const char* name, std::size_t count, const char* wanted) {
  Array array;
  if (!nb::try_cast(boxes.attr(name), array) || array.shape(0) != count) {
    throw OptionError(std::string("Detections.") + name + " must be " + wanted + ", one row for each box");
  }
  return array;
}

void take_tracks(nb::handle object, std::size_t count, Detections& found) {
  auto& known = found.columns;
  known = {.velocity = !object.attr("velocity").is_none(),
           .track_age = !object.attr("track_age").is_none(),
           .track_confidence = !object.attr("track_confidence").is_none()};
  if (!known.velocity && !known.track_age && !known.track_confidence) return;
  found.tracks.resize(count);
  if (known.velocity) {
    const auto velocity = column<FloatRows<2>>(object, "velocity", count, "a float32 array of shape (n, 2)");
    for (std::size_t i = 0; i < count; ++i) {
      found.tracks[i].velocity_x = velocity(i, 0);
      found.tracks[i].velocity_y = velocity(i, 1);
    }
  }
  const auto fill = [&](const char* name, float TrackInfo::* member) {
    const auto numbers = column<Numbers<float>>(object, name, count, "a float32 array of shape (n,)");
    for (std::size_t i = 0; i < count; ++i) found.tracks[i].*member = numbers(i);
  };
  if (known.track_age) fill("track_age", &TrackInfo::track_age);
  if (known.track_confidence) fill("track_confidence", &TrackInfo::track_confidence);
}

}  // namespace

nb::object detections_to_python(gil::Held& held, const ValueRef& value, const Detections& found) {
  if (!found.rows) {
    const auto* const python = dynamic_cast<const PythonColumns*>(found.further.get());
    if (python != nullptr && !python->data && python->native == found.data.size())
      return nb::borrow(python->boxes.get(held));
  }
  const ResultMemory memory(held, value);
  const auto count = found.boxes.size();
  const bool tracked = count > 0 || found.tracked;
  const bool ids = tracked && found.ids.size() == count;
  const bool tracks = tracked && found.tracks.size() == count;
  const auto of_boxes = [&](Column layout) {
    layout.row_numbers = kBoxNumbers;
    return memory.array(layout, found.boxes.data(), count);
  };
  const auto of_tracks = [&](bool known, Py_ssize_t first, Py_ssize_t width) -> nb::object {
    if (!known || !tracks) return nb::none();
    return memory.array({.first = first, .width = width, .row_numbers = kTrackNumbers}, found.tracks.data(),
                        count);
  };
  const auto& known = found.columns;
  return make_detections({of_boxes({.width = 4}), of_boxes({.first = 4}),
                          of_boxes({.number = Column::Number::Int32, .first = 5}),
                          ids ? memory.array({.number = Column::Number::Int64}, found.ids.data(), count)
                              : nb::object(nb::none()),
                          make_data(held, found, memory), of_tracks(known.velocity, 0, 2),
                          of_tracks(known.track_age, 2, 0), of_tracks(known.track_confidence, 3, 0),
                          names_to_python(held, found.names)});
}

bool is_detections(nb::handle object, bool exactly) {
  auto* const type = detections_type();
  return Py_TYPE(object.ptr()) == type || (!exactly && PyType_IsSubtype(Py_TYPE(object.ptr()), type) != 0);
}

Detections detections_from_python(gil::Held& held, nb::handle object) {
  FloatRows<4> xyxy;
  if (!nb::try_cast(object.attr("xyxy"), xyxy)) {
    throw OptionError("Detections.xyxy must be a float32 array of shape (n, 4)");
  }
  const auto count = xyxy.shape(0);
  const auto confidence =
      column<Numbers<float>>(object, "confidence", count, "a float32 array of shape (n,)");
  const auto class_id =
      column<Numbers<std::int32_t>>(object, "class_id", count, "an int32 array of shape (n,)");
  Detections found;
  found.boxes.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    found.boxes.push_back({xyxy(i, 0), xyxy(i, 1), xyxy(i, 2), xyxy(i, 3), confidence(i), class_id(i)});
  }
  take_tracks(object, count, found);
  if (const nb::object ids = object.attr("tracker_id"); !ids.is_none()) {
    const auto tracker_id =
        column<Numbers<std::int64_t>>(object, "tracker_id", count, "an int64 array of shape (n,)");
    found.tracked = true;
    for (std::size_t i = 0; i < count; ++i) found.ids.push_back(tracker_id(i));
  }
  found.names = names_from_python(held, object.attr("names"));
  auto further = std::make_shared<PythonColumns>();
  further->boxes = gil::Ref(held, object.ptr());
  for (const nb::handle item : object.attr("data").attr("items")()) {
    auto column = column_from_python(item[0], item[1], count);
    if (column) {
      found.data.push_back(*std::move(column));
    } else {
      further->has_data = true;
    }
  }
  further->native = found.data.size();
  found.further = std::move(further);
  return found;
}

nb::object read_supervision(nb::handle object) {
  for (const char* name : {"xyxy", "confidence", "class_id", "tracker_id", "data"}) {
    if (!nb::hasattr(object, name)) return {};
  }
  return nb::handle(reinterpret_cast<PyObject*>(detections_type())).attr("from_supervision")(object);
}

}  // namespace freshframe::python
