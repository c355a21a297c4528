// Conversions of values.
// SPDX-License-Identifier: Apache-2.0
#include "python/python_value.hpp"

#include "freshframe/error.hpp"
#include "freshframe/vision.hpp"

#include <array>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "python/python_classes.hpp"

#include <nanobind/ndarray.h>

namespace nb = nanobind;

namespace freshframe::python {
namespace {

using Floats = nb::ndarray<nb::numpy, const float>;
using Ids = nb::ndarray<nb::numpy, const std::int64_t>;
constexpr std::int64_t kCircleFloats = sizeof(Circle) / sizeof(float);
constexpr std::int64_t kTrackFloats = sizeof(TrackInfo) / sizeof(float);
static_assert(offsetof(TrackInfo, age) == 2 * sizeof(float));
static_assert(offsetof(TrackInfo, confidence) == 3 * sizeof(float));

// The columns of the package's Circles in their order.
using Columns = std::array<nb::object, 6>;

// Makes a frozen, slotted dataclass without its __init__, which costs more than everything else here.
nb::object make_circles(const Columns& columns) {
  static PyObject* const names[] = {
      PyUnicode_InternFromString("xyr"),        PyUnicode_InternFromString("score"),
      PyUnicode_InternFromString("tracker_id"), PyUnicode_InternFromString("velocity"),
      PyUnicode_InternFromString("age"),        PyUnicode_InternFromString("confidence")};
  auto* const type = reinterpret_cast<PyTypeObject*>(classes().circles);
  if (type == nullptr) throw Error("results have no value any more: the interpreter is exiting");
  const nb::object result = nb::steal(type->tp_alloc(type, 0));
  if (!result.is_valid()) throw nb::python_error();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (PyObject_GenericSetAttr(result.ptr(), names[i], columns[i].ptr()) != 0) throw nb::python_error();
  }
  return result;
}

// The arrays are views of the native result, which `owner` keeps.
nb::object circles_to_python(const ValueRef& value, const Circles& circles) {
  auto keep = std::make_unique<ValueRef>(value);
  const nb::capsule owner(keep.get(), [](void* pointer) noexcept {
    const std::unique_ptr<ValueRef> gone(static_cast<ValueRef*>(pointer));
  });
  (void)keep.release();
  static const float kNothing = 0;
  static const std::int64_t kNoId = 0;
  const auto count = circles.circles.size();
  const bool empty = count == 0;
  const float* data = empty ? &kNothing : &circles.circles.front().x;
  Columns columns = {nb::cast(Floats(data, {count, 3}, owner, {kCircleFloats, 1})),
                     nb::cast(Floats(empty ? data : data + 3, {count}, owner, {kCircleFloats})),
                     nb::none(),
                     nb::none(),
                     nb::none(),
                     nb::none()};
  if (circles.ids.size() == count && (!empty || circles.tracked)) {
    columns[2] = nb::cast(Ids(empty ? &kNoId : circles.ids.data(), {count}, owner));
  }
  if (circles.tracks.size() == count && (!empty || circles.tracked)) {
    const float* tracks = empty ? &kNothing : &circles.tracks.front().velocity_x;
    columns[3] = nb::cast(Floats(tracks, {count, 2}, owner, {kTrackFloats, 1}));
    columns[4] = nb::cast(Floats(empty ? tracks : tracks + 2, {count}, owner, {kTrackFloats}));
    columns[5] = nb::cast(Floats(empty ? tracks : tracks + 3, {count}, owner, {kTrackFloats}));
  }
  return make_circles(columns);
}

[[noreturn]] void refuse_circles(const char* column, const char* wanted) {
  throw GraphError(std::string("Circles.") + column + " must be " + wanted);
}

// Velocity, age and confidence; nothing unless all three are there.
std::vector<TrackInfo> tracks_from_python(nb::handle object, std::size_t count) {
  using Pairs = nb::ndarray<const float, nb::shape<-1, 2>, nb::device::cpu>;
  using Numbers = nb::ndarray<const float, nb::shape<-1>, nb::device::cpu>;
  const nb::object given[] = {object.attr("velocity"), object.attr("age"), object.attr("confidence")};
  for (const auto& column : given) {
    if (column.is_none()) return {};
  }
  Pairs velocity;
  if (!nb::try_cast(given[0], velocity) || velocity.shape(0) != count) {
    refuse_circles("velocity", "None or a float32 array of shape (n, 2)");
  }
  Numbers age;
  Numbers confidence;
  if (!nb::try_cast(given[1], age) || age.shape(0) != count) {
    refuse_circles("age", "None or a float32 array of shape (n,)");
  }
  if (!nb::try_cast(given[2], confidence) || confidence.shape(0) != count) {
    refuse_circles("confidence", "None or a float32 array of shape (n,)");
  }
  std::vector<TrackInfo> result;
  result.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    result.push_back({velocity(i, 0), velocity(i, 1), age(i), confidence(i)});
  }
  return result;
}

Circles circles_from_python(nb::handle object) {
  using Xyr = nb::ndarray<const float, nb::shape<-1, 3>, nb::c_contig, nb::device::cpu>;
  using Score = nb::ndarray<const float, nb::shape<-1>, nb::c_contig, nb::device::cpu>;
  using TrackerId = nb::ndarray<const std::int64_t, nb::shape<-1>, nb::c_contig, nb::device::cpu>;
  Xyr xyr;
  Score score;
  if (!nb::try_cast(object.attr("xyr"), xyr)) refuse_circles("xyr", "an array of shape (n, 3)");
  const auto count = xyr.shape(0);
  if (!nb::try_cast(object.attr("score"), score) || score.shape(0) != count) {
    refuse_circles("score", "an array of shape (n,), one for each row of xyr");
  }
  Circles result;
  result.circles.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    result.circles.push_back({xyr(i, 0), xyr(i, 1), xyr(i, 2), score(i)});
  }
  const nb::object ids = object.attr("tracker_id");
  if (ids.is_none()) return result;
  TrackerId tracker_id;
  if (!nb::try_cast(ids, tracker_id) || tracker_id.shape(0) != count) {
    refuse_circles("tracker_id", "None or an int64 array of shape (n,)");
  }
  result.tracked = true;
  result.ids.assign(tracker_id.data(), tracker_id.data() + count);
  result.tracks = tracks_from_python(object, count);
  return result;
}

}  // namespace

nb::object to_python(gil::Held& held, const ValueRef& value) {
  if (const auto* object = value.as<PythonObject>()) return nb::borrow(object->object.get(held));
  if (const auto* circles = value.as<Circles>()) return circles_to_python(value, *circles);
  if (const auto* number = value.as<double>()) return nb::cast(*number);
  throw Error("a value of type " + std::string(value.get()->type()->name) + " has no Python form");
}

Output from_python(gil::Held& held, nb::handle object) {
  if (Frame frame; nb::try_cast(object, frame, false)) return {{}, frame.as_engine()};
  if (Py_TYPE(object.ptr()) == reinterpret_cast<PyTypeObject*>(classes().circles)) {
    return {ValueRef::make<Circles>(circles_from_python(object)), {}};
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
