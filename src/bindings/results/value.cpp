// Conversions of values.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/results/value.hpp"

#include "freshframe/error.hpp"
#include "freshframe/packet.hpp"
#include "freshframe/vision.hpp"

#include <cstddef>
#include <span>
#include <utility>

#include "bindings/border/classes.hpp"
#include "bindings/border/fork_guard.hpp"
#include "bindings/frame/arrays.hpp"
#include "bindings/results/circles_pool.hpp"
#include "bindings/results/counts.hpp"
#include "bindings/results/detections.hpp"
#include "bindings/results/pickled.hpp"
#include "bindings/results/tables.hpp"
#include "core/frame/frame_access.hpp"

#include <nanobind/ndarray.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

[[noreturn]] void refuse_circles(const char* column, const char* wanted) {
  throw OptionError(std::string("Circles.") + column + " must be " + wanted);
}

// A column of a Python Circles as an array.
template <class Array>
bool take_column(nb::handle circles, const char* name, Array& array) {
  return nb::try_cast(with_strides(circles.attr(name)), array);
}

// Velocity, age and track_confidence, each of which may be None.
void take_tracks(nb::handle object, std::size_t count, Circles& result) {
  using Pairs = nb::ndarray<const float, nb::shape<-1, 2>, nb::device::cpu>;
  using Numbers = nb::ndarray<const float, nb::shape<-1>, nb::device::cpu>;
  auto& known = result.columns;
  known = {.velocity = !object.attr("velocity").is_none(),
           .age = !object.attr("age").is_none(),
           .track_confidence = !object.attr("track_confidence").is_none()};
  if (!known.velocity && !known.age && !known.track_confidence) return;
  Pairs velocity;
  Numbers age;
  Numbers track_confidence;
  if (known.velocity && (!take_column(object, "velocity", velocity) || velocity.shape(0) != count))
    refuse_circles("velocity", "None or a float32 array of shape (n, 2)");
  if (known.age && (!take_column(object, "age", age) || age.shape(0) != count))
    refuse_circles("age", "None or a float32 array of shape (n,)");
  if (known.track_confidence &&
      (!take_column(object, "track_confidence", track_confidence) || track_confidence.shape(0) != count))
    refuse_circles("track_confidence", "None or a float32 array of shape (n,)");
  result.tracks.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    auto& track = result.tracks[i];
    if (known.velocity) track.velocity_x = velocity(i, 0);
    if (known.velocity) track.velocity_y = velocity(i, 1);
    if (known.age) track.age = age(i);
    if (known.track_confidence) track.track_confidence = track_confidence(i);
  }
}

Circles circles_from_python(nb::handle object) {
  using Xyr = nb::ndarray<const float, nb::shape<-1, 3>, nb::c_contig, nb::device::cpu>;
  using Confidence = nb::ndarray<const float, nb::shape<-1>, nb::c_contig, nb::device::cpu>;
  using TrackerId = nb::ndarray<const std::int64_t, nb::shape<-1>, nb::c_contig, nb::device::cpu>;
  Xyr xyr;
  Confidence confidence;
  if (!take_column(object, "xyr", xyr)) refuse_circles("xyr", "an array of shape (n, 3)");
  const auto count = xyr.shape(0);
  if (!take_column(object, "confidence", confidence) || confidence.shape(0) != count) {
    refuse_circles("confidence", "an array of shape (n,), one for each row of xyr");
  }
  Circles result;
  result.circles.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    result.circles.push_back({xyr(i, 0), xyr(i, 1), xyr(i, 2), confidence(i)});
  }
  take_tracks(object, count, result);
  if (object.attr("tracker_id").is_none()) return result;
  TrackerId tracker_id;
  if (!take_column(object, "tracker_id", tracker_id) || tracker_id.shape(0) != count) {
    refuse_circles("tracker_id", "None or an int64 array of shape (n,)");
  }
  result.tracked = true;
  result.ids.assign(tracker_id.data(), tracker_id.data() + count);
  return result;
}

}  // namespace

nb::object to_python(gil::Held& held, const ValueRef& value) {
  if (const auto* object = value.as<PythonObject>()) return nb::borrow(object->object.get(held));
  if (const auto* circles = value.as<Circles>()) return circles_to_python(held, value, *circles);
  if (const auto* boxes = value.as<Detections>()) return detections_to_python(held, value, *boxes);
  if (const auto* line = value.as<LineCounts>()) return counts_to_python(held, *line);
  if (const auto* zone = value.as<ZoneCounts>()) return counts_to_python(held, *zone);
  if (const auto* zones = value.as<ZonesCounts>()) return counts_to_python(held, *zones);
  if (const auto* number = value.as<double>()) return nb::cast(*number);
  if (const auto* packet = value.as<Packet>()) return nb::cast(*packet);
  if (const auto* pickled = value.as<Pickled>()) return pickled->body->open(held);
  if (const auto* table = native::table_in(value)) return table_to_python(held, value, *table);
  throw Error("a value of type " + std::string(value.get()->type()->name) + " has no Python form");
}

Emitted from_python(gil::Held& held, nb::handle object, std::span<const TypeInfo* const> wanted) {
  if (Frame frame; nb::try_cast(object, frame, false)) {
    return {{}, core::FrameAccess::engine(of_this_process(frame))};
  }
  if (Py_TYPE(object.ptr()) == reinterpret_cast<PyTypeObject*>(classes().circles)) {
    return {ValueRef::make<Circles>(circles_from_python(object)), {}};
  }
  if (is_detections(object, true)) {
    return {ValueRef::make<Detections>(detections_from_python(held, object)), {}};
  }
  for (const auto* type : wanted) {
    if (auto value = wanted_from_python(held, object, type)) return {std::move(value), {}};
  }
  return {ValueRef::make<PythonObject>(PythonObject{gil::Ref(held, object.ptr())}), {}};
}

const TypeInfo* type_of_kind(const std::string& kind) {
  if (kind == "Frame") return type_of<Frame>();
  if (kind == "Circles") return type_of<Circles>();
  if (kind == "nothing") return type_of<Nothing>();
  return nullptr;
}

}  // namespace freshframe::python
